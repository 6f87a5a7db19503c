//! Where webhooks may go: not to addresses only this server can reach, unless its settings say so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, as `10.0.0.0/8`; an address alone is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u128,
    bits: u32,
    six: bool,
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected a network like 10.0.0.0/8 or fd00::/8";
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| FORM)?;
        let (base, width, six) = number(address);
        let length: u32 = length.map_or(Ok(width), str::parse).map_err(|_| FORM)?;
        let bits = width.checked_sub(length).ok_or(FORM)?;
        if bits < u128::BITS && base & ((1u128 << bits) - 1) != 0 {
            return Err("the bits after the length must be zero");
        }
        Ok(Self { base, bits, six })
    }
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (address, _, six) = number(address.to_canonical());
        let shifted = |value: u128| value.checked_shr(self.bits).unwrap_or(0);
        six == self.six && shifted(address) == shifted(self.base)
    }
}

fn number(address: IpAddr) -> (u128, u32, bool) {
    match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)), 32, false),
        IpAddr::V6(six) => (u128::from(six), 128, true),
    }
}

/// Whether an address is one of the public internet.
///
/// # Security
/// Everything the registries set apart for other uses is not, and neither is what carries such an address inside: a name
/// under a stranger's control must not lead to the computers beside this one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => is_public_v6(six),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let apart = match (a, b, c) {
        // This network, private, carrier-grade, loopback, link-local, private.
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks, multicast and reserved.
        (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113)
        | (224.., ..) => true,
        _ => false,
    };
    !apart
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, _, _, _, y, z] = address.segments();
    let inside = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // Translated by NAT64, and 6to4: what counts is the address inside.
        (0x64, 0xff9b) => address.segments()[2..6] == [0; 4] && inside(y, z),
        (0x2002, _) => inside(b, c),
        // Teredo, ORCHID, documentation and other assignments of 2001::/23; documentation again.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Only 2000::/3 is given out.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_set_apart_are_not_public() {
        for text in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1",
            "2a00::1",
            "64:ff9b::101:101",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn networks_contain_what_they_say() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(
            contains("::/0", "fd00::1")
                && contains("fd00::/8", "fdff::1")
                && !contains("fd00::/8", "fe00::1")
        );
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "x", "10.0.0.0/", "::/129", "10/8", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
