//! Archives that came packed: gzip is read as it is unpacked, other packings are named with the program that undoes them.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

/// How many times its own size gzip may unpack to: an archive of images reaches ten, of empty disks a hundred; a bomb has a thousand.
const RATIO_MAX: u64 = 200;
/// What may come out of it in any case, in bytes.
const GRACE_BYTES: u64 = 16 * 1024 * 1024;
/// How many bytes tell a packing.
pub(super) const MAGIC_BYTES: usize = 6;

/// How bytes are packed, by how they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    /// Its name, and the command that unpacks a file of it.
    Other(&'static str, &'static str),
}

impl Packing {
    pub(super) fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Other("zstd", "zstd -d"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz", "xz -d"),
            [b'B', b'Z', b'h', ..] => Self::Other("bzip2", "bzip2 -d"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4", "lz4 -d"),
            [b'P', b'K', 3, 4, ..] => Self::Other("zip", "unzip"),
            _ => Self::None,
        }
    }
}

/// Counts what was read through it.
pub(super) struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

/// What gzip holds; it ends with an error when more comes out than a sane archive holds.
pub(super) struct Unpacked<R> {
    inner: MultiGzDecoder<Counted<R>>,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(inner: R) -> Self {
        let taken = Rc::new(Cell::new(0));
        Self { inner: MultiGzDecoder::new(Counted { inner, bytes: Rc::clone(&taken) }), taken, given: 0 }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.given += read as u64;
        if self.given > GRACE_BYTES + self.taken.get().saturating_mul(RATIO_MAX) {
            let why = format!("it unpacks to more than {RATIO_MAX} times its size; if that is right, unpack it with gzip -d first");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_unpacks_beyond_measure_ends_in_an_error_and_little_was_given() {
        let mut out = Vec::new();
        Unpacked::new(&packed(b"plain")[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"plain");
        let bomb = packed(&vec![0; 64 * 1024 * 1024]);
        let given = io::copy(&mut Unpacked::new(&bomb[..]), &mut io::sink());
        assert!(given.unwrap_err().to_string().contains("gzip -d"), "and says what to do");
    }

    #[test]
    fn packings_are_told_by_how_they_begin() {
        assert_eq!(Packing::of(&packed(b"x")), Packing::Gzip);
        assert!(matches!(Packing::of(b"\x28\xb5\x2f\xfd...."), Packing::Other("zstd", _)));
        assert_eq!(Packing::of(b"oci-layout\0"), Packing::None);
        assert_eq!(Packing::of(b""), Packing::None);
    }
}
