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
    fn an_ipv6_subscriber_is_a_64() {
        let a = subscriber("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(a, subscriber("2001:db8:1:2:ffff::1".parse().unwrap()));
        assert_ne!(a, subscriber("2001:db8:1:3::1".parse().unwrap()));
    }
}
