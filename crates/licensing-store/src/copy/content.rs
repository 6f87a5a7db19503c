//! The content of a table as one hash, the same whatever database it is in.

use licensing_core::crypto::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::{Row, Table, Value};

/// Hashes the rows of a table in order of their keys: its name, then each value with its kind and length.
pub(super) struct ContentHash {
    hash: Sha256,
    rows: u64,
}

impl ContentHash {
    pub(super) fn new(table: &Table) -> Self {
        let mut hash = Sha256::new();
        for name in std::iter::once(table.name).chain(table.columns.iter().map(|column| column.name)) {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
        }
        Self { hash, rows: 0 }
    }

    pub(super) fn add(&mut self, row: &Row) {
        self.rows += 1;
        for value in row {
            match value {
                Value::Null => self.hash.update([0]),
                Value::Integer(number) => {
                    self.hash.update([1]);
                    self.hash.update(number.to_be_bytes());
                }
                Value::Flag(flag) => self.hash.update([2, u8::from(*flag)]),
                Value::Text(text) => self.bytes(3, text.as_bytes()),
                Value::Blob(bytes) => self.bytes(4, bytes),
            }
        }
    }

    fn bytes(&mut self, kind: u8, bytes: &[u8]) {
        self.hash.update([kind]);
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }

    pub(super) fn finish(self) -> (u64, Digest) {
        (self.rows, self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::TABLES;

    fn hash(rows: &[Row]) -> Digest {
        let mut hash = ContentHash::new(&TABLES[0]);
        rows.iter().for_each(|row| hash.add(row));
        hash.finish().1
    }

    #[test]
    fn no_two_contents_have_one_encoding() {
        let (text, blob) = (|t: &str| Value::Text(t.to_owned()), |b: &[u8]| Value::Blob(b.to_vec()));
        let contents: [&[Row]; 9] = [
            &[],
            &[vec![Value::Null, Value::Null]],
            &[vec![Value::Integer(0), Value::Null]],
            &[vec![Value::Flag(false), Value::Null]],
            &[vec![text(""), Value::Null]],
            &[vec![blob(b""), Value::Null]],
            &[vec![text("ab"), text("c")]],
            &[vec![text("a"), text("bc")]],
            &[vec![text("a")], vec![text("bc")], vec![]],
        ];
        let mut hashes: Vec<Digest> = contents.iter().map(|rows| hash(rows)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        // The last two differ only in where a row ends, which the columns of a table say.
        assert_eq!(hashes.len(), contents.len() - 1);
        let other = ContentHash::new(&TABLES[1]).finish().1;
        assert_ne!(other, hash(&[]));
    }
}
