//! Bodies, bounded before they are read.

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body, Bytes};
use hyper::header::CONTENT_LENGTH;

/// How much of a body that is too large is still read and thrown away, so that the client, who is still
/// sending, gets to see the answer.
const DRAIN_BYTES_MAX: usize = 16 << 20;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is, or says it is, larger than allowed.
    TooLarge,
    /// The client stopped before its end.
    Incomplete,
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// See [`BodyError`]. What is too large is read on for a while and thrown away.
pub async fn read<B>(headers: &HeaderMap, mut body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let stated = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|stated| stated > limit as u64) {
        drain(body).await;
        return Err(BodyError::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Incomplete)?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                drain(body).await;
                return Err(BodyError::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.into())
}

/// Reads on and forgets what it reads.
pub async fn drain<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > DRAIN_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn bodies_are_bounded_whether_they_say_their_length_or_not() {
        let body = || Full::new(Bytes::from_static(b"12345"));
        assert_eq!(read(&HeaderMap::new(), body(), 5).await.unwrap(), "12345");
        assert_eq!(read(&HeaderMap::new(), body(), 4).await, Err(BodyError::TooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "1000000000000".parse().unwrap());
        assert_eq!(read(&headers, body(), 5).await, Err(BodyError::TooLarge));
    }
}
