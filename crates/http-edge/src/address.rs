//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;

/// The other end of the connection; put into every request by the server.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub SocketAddr);

/// The address of the client: of the connection, or when that is a trusted proxy, what it says.
///
/// # Security
/// `X-Forwarded-For` is believed from the right, as far as trusted proxies reach; what a client writes into it
/// stands further left and is never looked at.
#[must_use]
pub fn client(connection: Option<ClientAddress>, headers: &HeaderMap, trusted: &[IpAddr]) -> Option<IpAddr> {
    let mut address = connection?.0.ip().to_canonical();
    if !trusted.contains(&address) {
        return Some(address);
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        address = hop.to_canonical();
        if !trusted.contains(&address) {
            break;
        }
    }
    Some(address)
}

/// Where this server is for whoever asks, by what the request says: scheme and host, without a slash at the end.
///
/// # Security
/// What comes of it must go back to nobody but whoever sent the request, and not be cached. `X-Forwarded-Proto` and
/// `X-Forwarded-Host` are believed from trusted proxies only.
#[must_use]
pub fn base_url(
    connection: Option<ClientAddress>,
    headers: &HeaderMap,
    trusted: &[IpAddr],
) -> Option<String> {
    let proxy = connection.is_some_and(|at| trusted.contains(&at.0.ip().to_canonical()));
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let forwarded = |name: &str| said(name).filter(|_| proxy);
    let host = forwarded("x-forwarded-host").or_else(|| said("host")).filter(|host| is_host(host))?;
    let scheme = forwarded("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
    Some(format!("{scheme}://{host}"))
}

/// A host with or without a port.
fn is_host(host: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= 255 && host.bytes().all(sound)
}

/// What is counted as one client: the address, of IPv6 the /64 that one subscriber gets.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Option<ClientAddress> {
        Some(ClientAddress(SocketAddr::new(text.parse().unwrap(), 1)))
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.2".parse().unwrap());
        let trusted: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(client(from("9.9.9.9"), &headers, &trusted), ip("9.9.9.9"));
        assert_eq!(client(from("10.0.0.1"), &headers, &trusted), ip("2.2.2.2"));
        assert_eq!(client(from("::ffff:10.0.0.1"), &headers, &trusted), ip("2.2.2.2"));
        assert_eq!(client(from("10.0.0.1"), &HeaderMap::new(), &trusted), ip("10.0.0.1"));
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(client(from("10.0.0.1"), &headers, &trusted), ip("10.0.0.1"));
    }

    #[test]
    fn the_address_of_the_server_is_said_by_the_request() {
        let trusted: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap()];
        let mut headers = HeaderMap::new();
        let base = |headers: &HeaderMap, at: &str| base_url(from(at), headers, &trusted);
        assert_eq!(base(&headers, "9.9.9.9"), None);
        headers.insert("host", "inner:7870".parse().unwrap());
        headers.insert("x-forwarded-host", "licenses.example".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        assert_eq!(base(&headers, "9.9.9.9").as_deref(), Some("http://inner:7870"));
        assert_eq!(base(&headers, "10.0.0.1").as_deref(), Some("https://licenses.example"));
        headers.insert("x-forwarded-host", "a\"><b".parse().unwrap());
        assert_eq!(base(&headers, "10.0.0.1"), None);
    }

    #[test]
    fn an_ipv6_subscriber_is_a_64() {
        let a = subscriber("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(a, subscriber("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(a, subscriber("2001:db8:1:3::1".parse().unwrap()));
    }
}
