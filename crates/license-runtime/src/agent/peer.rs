//! Who is at the other end of a loopback connection. On a computer with several users loopback is shared by all
//! of them; the system's table of connections tells whose a connection is.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether the program that connected from `remote` to `local` runs as the user the agent runs as. Whoever
/// cannot be found is not let in.
pub(crate) fn is_same_user(remote: SocketAddr, local: SocketAddr) -> bool {
    let mine = rustix::process::getuid().as_raw();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let found = tables.iter().find_map(|table| owner(&fs::read_to_string(table).ok()?, remote, local));
    found == Some(mine)
}

/// The user of the connection with these ends, seen from the program that connected.
fn owner(table: &str, remote: SocketAddr, local: SocketAddr) -> Option<u32> {
    let same =
        |a: SocketAddr, b: SocketAddr| a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical();
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let theirs = address(columns.nth(1)?)?;
        let ours = address(columns.next()?)?;
        let uid = columns.nth(4)?;
        if same(theirs, remote) && same(ours, local) { uid.parse().ok() } else { None }
    })
}

/// An address as the table writes it: words of four bytes in the computer's own order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words = ip.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    });
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.concat();
    let ip = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1EC8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1\n\
   1: 0100007F:C001 0100007F:1EC8 01 00000000:00000000 00:00000000 00000000  1001        0 2\n\
   2: 0100007F:1EC8 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 3\n";
    const TABLE6: &str = "  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
   0: 0000000000000000FFFF00000100007F:C002 0000000000000000FFFF00000100007F:1EC8 01 0:0 0:0 0  1002 0 4\n\
   1: 00000000000000000000000001000000:C003 00000000000000000000000001000000:1EC8 01 0:0 0:0 0  1003 0 5\n";

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_user_is_that_of_the_connecting_end() {
        let agent = at("127.0.0.1:7880");
        assert_eq!(owner(TABLE, at("127.0.0.1:49153"), agent), Some(1001));
        assert_eq!(owner(TABLE, at("127.0.0.1:49999"), agent), None);
        assert_eq!(owner(TABLE6, at("127.0.0.1:49154"), agent), Some(1002));
        assert_eq!(owner(TABLE6, at("[::1]:49155"), at("[::1]:7880")), Some(1003));
        assert_eq!(owner("garbage\nmore garbage\n", at("127.0.0.1:1"), agent), None);
    }

    #[test]
    fn a_real_connection_of_this_program_is_its_own() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(is_same_user(server.peer_addr().unwrap(), server.local_addr().unwrap()));
        drop(client);
    }
}
