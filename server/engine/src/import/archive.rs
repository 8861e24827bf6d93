//! An OCI layout in a tar archive, read once from front to back: objects go straight into the vault, under the import's hold, and what
//! no image turns out to need is left to the next sweep.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use vault::{PutError, VaultError};
use vocab::Digest;

use super::files::{Files, FilesOrigin};
use super::layout::{self, INDEX, MARKER, MARKER_BYTES_MAX, left_out};
use super::{FILES_MAX, INDEX_BYTES_MAX, ImportContext, ImportError, Opened};
use crate::backup::BackupError;
use crate::backup::fetch::Stored;
use crate::control::Event;

/// Most bytes of headers before one entry, extended ones included; a long name needs 4 KiB.
const HEADER_BYTES_MAX: u64 = 256 * 1024;
/// How much of an object is handed over in one go, in bytes.
const PIECE_BYTES: usize = 512 * 1024;
/// Pieces on their way to the vault.
const PIECES_AHEAD: usize = 4;
const BLOBS: &str = "blobs/sha256/";

/// What the reading side hands over, in the order of the archive.
enum Piece {
    Object { digest: Digest, size_bytes: u64 },
    Data(Bytes),
    End,
}

/// What the archive says besides its objects.
#[derive(Default)]
struct Told {
    marker: Option<Vec<u8>>,
    index: Option<Vec<u8>>,
    passed_over: u64,
}

/// Reads an archive into the vault.
pub(super) async fn open(cx: &ImportContext, path: &Path, stored: &Arc<Stored>) -> Result<Opened, ImportError> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|source| ImportError::Unreadable { place: place.clone(), source })?;
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let named = place.clone();
    let reading = tokio::task::spawn_blocking(move || read(file, &named, &sender));
    let damaged = take(cx, receiver, stored).await;
    // A vault that took no more has closed the channel, and the reading ended by that.
    let told = reading.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    let damaged = damaged?;
    let told = told?;
    let lacks =
        |name: &str| ImportError::Unknown { place: place.clone(), why: format!("it is a tar archive without {name}, so no OCI layout") };
    layout::check_marker(&told.marker.ok_or_else(|| lacks(MARKER))?)?;
    let (found, mut notes) = layout::images(&told.index.ok_or_else(|| lacks(INDEX))?)?;
    if told.passed_over > 0 {
        notes.push(left_out(&place, &format!("{} files that belong to no OCI layout were passed over", told.passed_over)));
    }
    notes.extend(damaged.into_iter().map(|digest| left_out(&digest.to_string(), "its bytes in the archive do not hash to its name")));
    Ok(Opened { found, origin: Arc::new(FilesOrigin::new(Nothing)), notes })
}

/// Puts objects into the vault as they come. Answers those that are not what their name says.
async fn take(cx: &ImportContext, mut pieces: mpsc::Receiver<Piece>, stored: &Stored) -> Result<Vec<Digest>, ImportError> {
    let mut damaged = Vec::new();
    while let Some(piece) = pieces.recv().await {
        let Piece::Object { digest, size_bytes } = piece else { continue };
        cx.control.check().await.map_err(BackupError::from)?;
        let mut ended = false;
        let (ahead, over) = (&mut pieces, &mut ended);
        let body = async_stream::stream! {
            while let Some(piece) = ahead.recv().await {
                match piece {
                    Piece::Data(bytes) => {
                        cx.progress.event(Event::Bytes(bytes.len() as u64));
                        yield Ok::<Bytes, Broken>(bytes);
                    }
                    Piece::End | Piece::Object { .. } => {
                        *over = true;
                        return;
                    }
                }
            }
            yield Err(Broken);
        };
        let put = cx.vault.put(&digest, Some(size_bytes), body).await;
        match put {
            Ok(done) if done.new => stored.add(done.size_bytes),
            Ok(_) => {}
            // The reading side says why.
            Err(PutError::Body(Broken)) => return Ok(damaged),
            Err(PutError::Vault(VaultError::WrongBytes { .. })) => damaged.push(digest),
            Err(PutError::Vault(error)) => return Err(error.into()),
            Err(_) => return Err(ImportError::Refused { place: digest.to_string(), why: "it could not be stored".to_owned() }),
        }
        // An object that is here already is not read from the archive: its pieces pass by.
        while !ended {
            ended = !matches!(pieces.recv().await, Some(Piece::Data(_)));
        }
    }
    Ok(damaged)
}

#[derive(Debug)]
struct Broken;

/// A reader that stops when more comes between two entries than headers need: an extended header is held in memory whole.
struct Rationed {
    inner: BufReader<File>,
    left: Rc<Cell<u64>>,
}

impl Read for Rationed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a header is longer than {HEADER_BYTES_MAX} bytes")));
        }
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..length])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

fn read(file: File, place: &str, sender: &mpsc::Sender<Piece>) -> Result<Told, ImportError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other | io::ErrorKind::UnexpectedEof => {
            ImportError::Refused { place: place.to_owned(), why: format!("it is no whole tar archive: {source}") }
        }
        _ => ImportError::Unreadable { place: place.to_owned(), source },
    };
    let left = Rc::new(Cell::new(0));
    let mut archive = tar::Archive::new(Rationed { inner: BufReader::with_capacity(PIECE_BYTES, file), left: Rc::clone(&left) });
    let mut told = Told::default();
    let mut entries = archive.entries().map_err(failed)?;
    for number in 0.. {
        left.set(HEADER_BYTES_MAX);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(failed)?;
        if number >= FILES_MAX {
            return Err(ImportError::Refused { place: place.to_owned(), why: format!("it has more than {FILES_MAX} files") });
        }
        left.set(u64::MAX);
        if !receive(&mut entry, place, sender, &mut told).map_err(|error| error.unwrap_or_else(failed))? {
            return Ok(told);
        }
        // Whatever of the entry was not asked for is no header.
        io::copy(&mut entry, &mut io::sink()).map_err(failed)?;
    }
    Ok(told)
}

/// Either a refusal or an error of reading.
enum Trouble {
    Refused(ImportError),
    Io(io::Error),
}

impl Trouble {
    fn unwrap_or_else(self, failed: impl Fn(io::Error) -> ImportError) -> ImportError {
        match self {
            Self::Refused(error) => error,
            Self::Io(error) => failed(error),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Takes one entry. `false`: nobody takes any more.
fn receive(entry: &mut tar::Entry<'_, Rationed>, place: &str, sender: &mpsc::Sender<Piece>, told: &mut Told) -> Result<bool, Trouble> {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let refused = |why: String| Trouble::Refused(ImportError::Refused { place: place.to_owned(), why });
    let kind = entry.header().entry_type();
    if kind.is_dir() {
        return Ok(true);
    }
    if !kind.is_file() {
        return Err(refused(format!("{} is a link, a device or another thing no layout needs", name.escape_debug())));
    }
    let name = name.strip_prefix("./").unwrap_or(&name);
    let slot = match name {
        MARKER => Some((&mut told.marker, MARKER_BYTES_MAX)),
        INDEX => Some((&mut told.index, INDEX_BYTES_MAX)),
        _ => None,
    };
    if let Some((slot, bytes_max)) = slot {
        if slot.is_some() {
            return Err(refused(format!("it has {name} twice")));
        }
        let mut bytes = Vec::new();
        entry.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(refused(format!("its {name} is longer than {bytes_max} bytes")));
        }
        *slot = Some(bytes);
        return Ok(true);
    }
    let Some(digest) = name.strip_prefix(BLOBS).and_then(|hex| Digest::from_hex(hex).ok()) else {
        told.passed_over += 1;
        return Ok(true);
    };
    let size_bytes = entry.size();
    if sender.blocking_send(Piece::Object { digest, size_bytes }).is_err() {
        return Ok(false);
    }
    let mut handed = 0;
    while handed < size_bytes {
        let mut buffer = vec![0; PIECE_BYTES.min(usize::try_from(size_bytes - handed).unwrap_or(PIECE_BYTES))];
        let read = entry.read(&mut buffer)?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        handed += read as u64;
        buffer.truncate(read);
        if sender.blocking_send(Piece::Data(Bytes::from(buffer))).is_err() {
            return Ok(false);
        }
    }
    Ok(sender.blocking_send(Piece::End).is_ok())
}

/// After the reading everything is in the vault or nowhere.
struct Nothing;

impl Files for Nothing {
    fn of(&self, _: &Digest) -> Vec<std::path::PathBuf> {
        Vec::new()
    }
}
