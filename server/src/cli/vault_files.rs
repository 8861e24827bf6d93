//! Images into a vault and out of it, as files of other tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use engine::Silent;
use engine::import::{self, Destination, ImportContext, ImportError, Imported, Refused, Target};
use futures::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use vault::{Choice, HarborName, Vault};
use vocab::{ProjectName, RepositoryName, Tag};

use super::CliError;
use super::place::Place;
use crate::error::chain;

/// Images to copy out.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    vault: Place,
    /// Digest of the snapshot, as `vault snapshots` prints it
    snapshot: String,
    /// Only this repository, with its project; its tags are then addressed without its name
    #[arg(long)]
    repository: Option<RepositoryName>,
    /// Only this tag, with its signatures; may be given more than once
    #[arg(long)]
    tag: Vec<Tag>,
    /// Folder to write, which must not exist; a name that ends in .tar makes an archive
    #[arg(long)]
    out: PathBuf,
}

/// Images to take in: a host in front of a name is left out, and so is the project; `docker.io/library/web:1` becomes `<project>/web:1`.
/// Ends with 1 when something did not come in; each such line says what to do.
#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    vault: Place,
    /// Folder or tar archive with the images
    source: PathBuf,
    /// Project the images belong to
    #[arg(long)]
    project: ProjectName,
    /// Repository of images whose files give a tag only, or nothing, with its project
    #[arg(long)]
    repository: Option<RepositoryName>,
    /// Where one image goes, whatever the files call it: <name or digest in the files>=<repository>[:<tag>]; may be given more than once
    #[arg(long = "name", value_name = "OLD=NEW", value_parser = renamed)]
    names: Vec<(String, String)>,
    /// Harbor the vault keeps the snapshot under; a name of its own keeps foreign images apart
    #[arg(long, default_value = "imported")]
    harbor: HarborName,
}

fn renamed(text: &str) -> Result<(String, String), String> {
    let (old, new) = text.rsplit_once('=').filter(|(old, new)| !old.is_empty() && !new.is_empty()).ok_or("write OLD=NEW")?;
    Ok((old.to_owned(), new.to_owned()))
}

/// `breakwater vault export`.
pub(super) async fn export(args: Export) -> Result<(), CliError> {
    let vault = args.vault.open().await?;
    let digest = args.snapshot.parse().map_err(|e| CliError::Usage(format!("{e}")))?;
    let export = vault.plan_export(&digest, &Choice { repository: args.repository, tags: args.tag }).await?;
    if export.objects() == 0 && export.left_out.is_empty() && export.gaps.is_empty() {
        return Err(CliError::Failed("nothing of that is in the snapshot".to_owned()));
    }
    let (names, objects, bytes) = (export.references.len(), export.objects(), export.size_bytes());
    let (left_out, without, gaps) = (export.left_out.clone(), export.without.clone(), export.gaps.clone());
    let shown = args.out.display();
    let is_archive = args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar"));
    let tool = if is_archive { "oci-archive" } else { "oci" };
    let example = export.references.first().map(|first| format!("  skopeo inspect {tool}:{shown}:{}", first.reference));
    if is_archive {
        archive(&vault, export, &args.out).await?;
    } else {
        vault.export_to(&export, &args.out).await?;
    }
    println!("{names} references, {objects} objects, {} in {shown}", size(bytes));
    if let Some(example) = example {
        println!("{example}");
    }
    for image in &left_out {
        println!("left out\t{}\t{}: {}", image.image, image.part, image.why);
    }
    for gap in &gaps {
        println!("gap\t{}\t{}: {}", gap.subject, gap.kind, gap.cause);
    }
    for layer in &without {
        println!("without\t{}\t{}: the registry did not have it; {}", layer.image, layer.layer, address(&layer.urls));
    }
    let lacking = [(left_out.len(), "images are not whole and were left out"), (gaps.len(), "things were not backed up and are not in it")];
    let lacking: Vec<String> = lacking.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if lacking.is_empty() { Ok(()) } else { Err(CliError::Failed(lacking.join("; "))) }
}

fn address(urls: &[String]) -> String {
    urls.first().map_or_else(|| "no address is known".to_owned(), |url| format!("it is said to be at {url}"))
}

/// A file that could not be written whole is removed: half an archive looks like one.
async fn archive(vault: &Vault, export: vault::Export, out: &Path) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("{}: {error}", out.display()));
    let mut file = tokio::fs::File::create_new(out).await.map_err(failed)?;
    let pieces = vault.archive(export);
    futures::pin_mut!(pieces);
    let written = async {
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece?).await.map_err(failed)?;
        }
        file.sync_all().await.map_err(failed)
    };
    let written: Result<(), CliError> = written.await;
    if written.is_err() {
        tokio::fs::remove_file(out).await.map_err(failed)?;
    }
    written
}

/// `breakwater vault import`.
pub(super) async fn import(args: Import) -> Result<(), CliError> {
    let target = |(old, new): &(String, String)| match Target::parse(&args.project, new) {
        Ok(target) => Ok((old.clone(), target)),
        Err(why) => Err(CliError::Usage(format!("--name {old}={new}: {why}"))),
    };
    let names = args.names.iter().map(target).collect::<Result<_, _>>()?;
    let vault = args.vault.open().await?;
    let cx = ImportContext { vault, progress: Arc::new(Silent), control: Arc::new(Silent) };
    let moment = time::OffsetDateTime::now_utc();
    let destination = Destination { harbor: args.harbor, project: args.project, repository: args.repository, names, moment };
    let imported = match import::run(&cx, &destination, &args.source).await {
        Ok(imported) => imported,
        Err(error) => {
            if let ImportError::Nothing { refused, .. } = &error {
                print_refused(refused);
            }
            return Err(CliError::Failed(chain(&error)));
        }
    };
    print_imported(&destination, &imported);
    if imported.is_whole() {
        return Ok(());
    }
    let lacking = imported.refused.len() + imported.snapshot.index.gaps.len();
    Err(CliError::Failed(format!("{lacking} of what was to be imported did not come in whole; the lines above say why, and what to do")))
}

fn print_imported(destination: &Destination, imported: &Imported) {
    let Imported { snapshot, landed, refused } = imported;
    let stats = snapshot.stats;
    println!("{}\t{}/{}\t{}", app::units::Moment(snapshot.moment).url(), destination.harbor, destination.project, snapshot.digest);
    println!(
        "{} repositories, {} tags, {} artifacts, {} new in the vault",
        stats.repositories,
        stats.tags,
        stats.artifacts,
        size(stats.bytes_new)
    );
    for line in landed {
        println!("landed\t{}\t{}\t{}", line.from, line.to, line.digest);
    }
    print_refused(refused);
    for gap in &snapshot.index.gaps {
        println!("gap\t{}\t{}; {}", gap.subject, gap.cause, gap.remedy);
    }
    for note in &snapshot.notes {
        println!("note\t{}\t{}", note.subject, note.text);
    }
    println!("`breakwater vault rebuild` enters it into the catalogue of a Harbor that is registered as {}", destination.harbor);
}

fn print_refused(refused: &[Refused]) {
    for line in refused {
        println!("refused\t{}\t{}; {}", line.from, line.why, line.remedy);
    }
}

pub(super) fn size(bytes: u64) -> String {
    app::units::bytes(i64::try_from(bytes).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;
    use vocab::Digest;

    use super::super::vault_verbs::{VaultVerb, run};
    use super::*;

    #[derive(Parser)]
    struct Verbs {
        #[command(subcommand)]
        verb: VaultVerb,
    }

    /// The exit code of a verb.
    async fn code(arguments: &[&str]) -> u8 {
        let Ok(Verbs { verb }) = Verbs::try_parse_from(std::iter::once(&"vault").chain(arguments)) else { return 2 };
        run(verb).await.map_or_else(|error| error.code(), |()| 0)
    }

    /// A layout of one image under these names.
    fn layout(folder: &Path, names: &[&str]) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let write = |bytes: &[u8]| std::fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
        let config = b"{}";
        let described = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(config), "size": 2 });
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": vocab::media::OCI_MANIFEST, "config": described, "layers": [] }).to_string();
        write(config);
        write(manifest.as_bytes());
        let entry = |name: &&str| {
            let annotations = json!({ "org.opencontainers.image.ref.name": name });
            json!({ "mediaType": vocab::media::OCI_MANIFEST, "digest": Digest::of(manifest.as_bytes()), "size": manifest.len(), "annotations": annotations })
        };
        let entries: Vec<_> = names.iter().map(entry).collect();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        std::fs::write(folder.join("index.json"), json!({ "manifests": entries }).to_string()).unwrap();
    }

    #[tokio::test]
    async fn an_import_ends_with_0_only_when_everything_came_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let vault = path("vault");
        assert_eq!(code(&["init", &vault]).await, 0);
        for (name, names) in
            [("whole", &["shop/web:1"][..]), ("partly", &["shop/web:1", "Shop/Web:2"]), ("upper", &["Shop/Web:2"]), ("empty", &[])]
        {
            layout(&folder.path().join(name), names);
        }
        assert_eq!(code(&["import", &vault, &path("whole"), "--project", "shop"]).await, 0);
        for name in ["partly", "upper", "empty", "nowhere"] {
            assert_eq!(code(&["import", &vault, &path(name), "--project", "shop"]).await, 1, "{name}");
        }
        assert_eq!(code(&["import", &vault, &path("upper"), "--project", "shop", "--name", "Shop/Web:2=web:2"]).await, 0);
        for wrong in ["Shop/Web:2", "Shop/Web:2=", "Shop/Web:2=Web:2", "=web:2"] {
            assert_eq!(code(&["import", &vault, &path("upper"), "--project", "shop", "--name", wrong]).await, 2, "{wrong}");
        }
        let pointers: Vec<_> = Vault::open(Path::new(&vault), None).await.unwrap().pointers().collect().await;
        assert_eq!(pointers.len(), 3, "whole, partly and the one that was told where to go");
    }
}
