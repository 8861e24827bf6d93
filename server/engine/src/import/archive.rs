//! Images in a tar archive, plain or in gzip. It is read twice from front to back: once for what is in it, by name, and once for the
//! objects, which go straight into the vault under the import's hold. Nothing is unpacked to a path. What no image of a layout turns out
//! to need is left to the next sweep.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use registry::{RawManifest, RegistryError};
use tokio::sync::mpsc;
use vault::{PutError, Vault, VaultError};
use vocab::{Digest, OtherDigest, RepositoryName};

use super::docker::{self, Parts};
use super::files::{Files, FilesOrigin};
use super::layout::{self, INDEX, MARKER, left_out};
use super::listing::{DOCKER, Listing, REPOSITORIES, Trouble};
use super::packed::{MAGIC_BYTES, Packing, Unpacked};
use super::{FILES_MAX, ImportContext, ImportError, Opened};
use crate::backup::fetch::{Origin, Stored};
use crate::backup::gap::Cause;
use crate::backup::{BackupError, Note};
use crate::control::Event;

/// Most bytes of headers before one entry, extended ones included; a long name needs 4 KiB.
const HEADER_BYTES_MAX: u64 = 256 * 1024;
/// How much of an object is handed over in one go, in bytes.
const PIECE_BYTES: usize = 512 * 1024;
/// Pieces on their way to the vault.
const PIECES_AHEAD: usize = 4;

/// An archive that was looked through, and whose objects are still to be read.
pub(super) struct Archive {
    path: PathBuf,
    place: String,
    packing: Packing,
    /// Manifests that were made.
    made: Vec<Bytes>,
    /// Entries to be read, with what they must be.
    wanted: HashMap<usize, Digest>,
    /// What those are that are named by another algorithm.
    others: HashMap<OtherDigest, Digest>,
}

/// Looks through an archive.
pub(super) fn open(path: &Path) -> Result<Opened, ImportError> {
    let place = path.display().to_string();
    let unreadable = |source| ImportError::Unreadable { place: place.clone(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut begin = Vec::with_capacity(MAGIC_BYTES);
    file.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut begin).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let packing = Packing::of(&begin);
    if let Packing::Other(name, command) = packing {
        let why = format!("it is packed with {name}, which is not read here; unpack it with `{command}`, then import what comes out");
        return Err(ImportError::Unknown { place, why });
    }
    let mut listing = Listing::of(&place);
    walk(file, packing, &place, |number, entry| look(&mut listing, number, entry))?;
    let (mut opened, parts) = contents(&place, &listing)?;
    let made = parts.manifests.into_values().map(Bytes::from).collect();
    let mut wanted = parts.wanted;
    wanted.extend(listing.objects.iter().map(|(number, digest)| (*number, *digest)));
    let others: HashMap<OtherDigest, Digest> = listing.named_otherwise().map(|(name, file)| (name, file.digest)).collect();
    wanted.extend(listing.named_otherwise().map(|(_, file)| (file.number, file.digest)));
    if listing.passed_over > 0 {
        let text = format!("{} files whose names lead out of it were passed over", listing.passed_over);
        opened.notes.push(left_out(&place, &text));
    }
    opened.loose = listing.loose;
    opened.bytes = super::Bytes::Archive(Archive { path: path.to_owned(), place, packing, made, wanted, others });
    Ok(opened)
}

/// The images of an archive or of a folder that one was unpacked to.
pub(super) fn contents(place: &str, listing: &Listing) -> Result<(Opened, Parts), ImportError> {
    let (mut opened, mut parts) = (Opened::default(), Parts::default());
    let layouts: BTreeSet<&str> = listing.folders_with(MARKER).collect();
    let unknown = |why: String| ImportError::Unknown { place: place.to_owned(), why };
    for folder in &layouts {
        let text = |name: &str| listing.text(&format!("{folder}{name}"));
        layout::check_marker(text(MARKER).unwrap_or_default())?;
        let index = text(INDEX).ok_or_else(|| unknown(format!("it has {folder}{MARKER} without {INDEX}, so it is no whole OCI layout")))?;
        layout::images(index, &mut opened)?;
    }
    // Where both are, the layout says it all: Docker writes the list for those who know no layout.
    let lists: Vec<&str> = listing.folders_with(DOCKER).filter(|folder| !layouts.contains(folder)).collect();
    for folder in &lists {
        docker::images(listing, folder, &mut parts, &mut opened)?;
    }
    opened.notes.extend(docker::note(place, &parts));
    if layouts.is_empty() && lists.is_empty() {
        let old = listing.folders_with(REPOSITORIES).next().is_some();
        let index = listing.folders_with(INDEX).next().is_some();
        return Err(unknown(match (old, index) {
            (true, _) => {
                "it was saved by a Docker before 1.10, without manifest.json; load it into a current one and save it again".to_owned()
            }
            (_, true) => format!("it has {INDEX} without {MARKER}, so it is no whole OCI layout"),
            _ => format!("it is neither an OCI layout, which has {MARKER}, nor of docker save, which has {DOCKER}"),
        }));
    }
    Ok((opened, parts))
}

impl Archive {
    /// Reads the objects into the vault. Answers where the rest can be had, which is nowhere, and what was damaged.
    pub(super) async fn read(self, cx: &ImportContext, stored: &Arc<Stored>) -> Result<(Arc<dyn Origin>, Vec<Note>), ImportError> {
        super::put(cx, &self.made, stored).await?;
        let others = self.others.clone();
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let reading = tokio::task::spawn_blocking(move || self.send(&sender));
        let damaged = take(cx, receiver, stored).await;
        // A vault that took no more has closed the channel, and the reading ended by that.
        let read = reading.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        let damaged = damaged?;
        read?;
        let notes = damaged.into_iter().map(|digest| left_out(&digest.to_string(), "its bytes in the archive do not hash to its name"));
        Ok((Arc::new(Taken { nowhere: FilesOrigin::new(Nothing), vault: cx.vault.clone(), others }), notes.collect()))
    }

    fn send(&self, sender: &mpsc::Sender<Piece>) -> Result<(), ImportError> {
        let file = File::open(&self.path).map_err(|source| ImportError::Unreadable { place: self.place.clone(), source })?;
        walk(file, self.packing, &self.place, |number, entry| match self.wanted.get(&number) {
            Some(digest) if entry.is_file() => hand_over(*digest, entry, sender),
            _ => Ok(true),
        })
    }
}

/// What the reading side hands over, in the order of the archive.
enum Piece {
    Object { digest: Digest, size_bytes: u64 },
    Data(Bytes),
    End,
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
struct Rationed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Rationed<R> {
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

/// One entry of an archive.
struct Entry<'a> {
    kind: tar::EntryType,
    name: String,
    /// Where a link leads.
    target: String,
    size_bytes: u64,
    bytes: &'a mut dyn Read,
}

impl Entry<'_> {
    fn is_file(&self) -> bool {
        self.kind.is_file()
    }
}

impl<R: Seek> Seek for Rationed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// A file that is jumped about in without forgetting what was read ahead: an archive may have very many small entries.
struct Jumping {
    file: BufReader<File>,
    at: u64,
}

impl Read for Jumping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Jumping {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Current(by) => {
                self.file.seek_relative(by)?;
                self.at = self.at.saturating_add_signed(by);
            }
            to => self.at = self.file.seek(to)?,
        }
        Ok(self.at)
    }
}

/// Who looks at an entry. It ends early by the answer false.
trait Each: FnMut(usize, Entry<'_>) -> Result<bool, Trouble> {}
impl<F: FnMut(usize, Entry<'_>) -> Result<bool, Trouble>> Each for F {}

/// Reads an archive from front to back. What nobody asks for is jumped over where it lies in a file as it is.
fn walk(file: File, packing: Packing, place: &str, each: impl Each) -> Result<(), ImportError> {
    let file = BufReader::with_capacity(PIECE_BYTES, file);
    let left = Rc::new(Cell::new(HEADER_BYTES_MAX));
    let walked = if packing == Packing::Gzip {
        let mut archive = tar::Archive::new(Rationed { inner: Unpacked::new(file), left: Rc::clone(&left) });
        archive.entries().map_err(Trouble::from).and_then(|entries| entries_of(entries, &left, true, place, each))
    } else {
        let mut archive = tar::Archive::new(Rationed { inner: Jumping { file, at: 0 }, left: Rc::clone(&left) });
        archive.entries_with_seek().map_err(Trouble::from).and_then(|entries| entries_of(entries, &left, false, place, each))
    };
    walked.map_err(|trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Io(source) => match source.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other | io::ErrorKind::UnexpectedEof => {
                ImportError::Refused { place: place.to_owned(), why: format!("it is no whole tar archive: {source}") }
            }
            _ => ImportError::Unreadable { place: place.to_owned(), source },
        },
    })
}

fn entries_of<R: Read>(
    mut entries: tar::Entries<'_, R>,
    left: &Cell<u64>,
    drains: bool,
    place: &str,
    mut each: impl Each,
) -> Result<(), Trouble> {
    for number in 0.. {
        left.set(HEADER_BYTES_MAX);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        if number >= FILES_MAX {
            let why = format!("it has more than {FILES_MAX} files");
            return Err(Trouble::Refused(ImportError::Refused { place: place.to_owned(), why }));
        }
        left.set(u64::MAX);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (name, target) = (text(&entry.path_bytes()), entry.link_name_bytes().map_or_else(String::new, |bytes| text(&bytes)));
        let (kind, size_bytes) = (entry.header().entry_type(), entry.size());
        if !each(number, Entry { kind, name, target, size_bytes, bytes: &mut entry })? {
            break;
        }
        if drains {
            // Whatever of the entry was not asked for is no header.
            io::copy(&mut entry, &mut io::sink())?;
        }
    }
    Ok(())
}

/// Notes what an entry is.
fn look(listing: &mut Listing, number: usize, entry: Entry<'_>) -> Result<bool, Trouble> {
    let Entry { kind, name, target, size_bytes, bytes } = entry;
    if kind.is_file() {
        listing.file(number, &name, size_bytes, bytes)?;
    } else if kind.is_symlink() || kind.is_hard_link() {
        listing.link(&name, &target, kind.is_hard_link())?;
    } else if !kind.is_dir() && !kind.is_pax_global_extensions() {
        return Err(listing.refused(format!("{} is a device, sparse, or another thing no image needs", name.escape_debug())));
    }
    Ok(true)
}

/// Hands over one object. `false`: nobody takes any more.
fn hand_over(digest: Digest, entry: Entry<'_>, sender: &mpsc::Sender<Piece>) -> Result<bool, Trouble> {
    let size_bytes = entry.size_bytes;
    if sender.blocking_send(Piece::Object { digest, size_bytes }).is_err() {
        return Ok(false);
    }
    let mut handed = 0;
    while handed < size_bytes {
        let mut buffer = vec![0; PIECE_BYTES.min(usize::try_from(size_bytes - handed).unwrap_or(PIECE_BYTES))];
        let read = entry.bytes.read(&mut buffer)?;
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

/// After the reading everything is in the vault or nowhere. What is named by another algorithm is there under its SHA-256, and read again to
/// see whether it has its name rightly.
struct Taken {
    nowhere: FilesOrigin<Nothing>,
    vault: Vault,
    others: HashMap<OtherDigest, Digest>,
}

#[async_trait]
impl Origin for Taken {
    async fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<RawManifest, RegistryError> {
        self.nowhere.manifest(repository, digest).await
    }

    fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        self.nowhere.blob(repository, digest, size_bytes)
    }

    fn other_blob(&self, repository: &RepositoryName, digest: &OtherDigest) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        match self.others.get(digest) {
            Some(object) => self.vault.get(object).map_err(|error| RegistryError::Protocol { what: error.to_string() }).boxed(),
            None => self.nowhere.other_blob(repository, digest),
        }
    }

    fn cause(&self, error: &RegistryError) -> Cause {
        self.nowhere.cause(error)
    }
}

struct Nothing;

impl Files for Nothing {
    fn of(&self, _: &Digest) -> Vec<PathBuf> {
        Vec::new()
    }
}
