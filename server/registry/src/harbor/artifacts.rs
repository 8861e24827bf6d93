//! Artifacts, tags, labels on them, accessories.
//!
//! A project is listed in one go where Harbor can (2.12 and later), else repository by repository. `base=*` also lists untagged children of indexes;
//! accessories never appear in a listing, only inside their subject's row, direct ones (harbor.md §2).

use std::ops::RangeInclusive;

use futures::Stream;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::paging::{Listing, UNPAGED_ROWS_MAX, pages_max, too_long};
use super::values::{moment, or_default, repository_path, size};
use crate::client::Client;
use crate::error::RegistryError;
use crate::oci::Reference;
use crate::version::HarborVersion;

/// A tag on an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TagInfo {
    pub name: Tag,
    #[serde(default, deserialize_with = "moment")]
    pub push_time: Option<OffsetDateTime>,
    /// When it was last pulled by this tag.
    #[serde(default, deserialize_with = "moment")]
    pub pull_time: Option<OffsetDateTime>,
    /// Only true where immutability was asked for; listings do not ask.
    #[serde(default, deserialize_with = "or_default")]
    pub immutable: bool,
}

/// A label on an artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Label {
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub color: String,
    /// `g` for the whole Harbor, `p` for the project.
    #[serde(default, deserialize_with = "or_default")]
    pub scope: String,
}

/// A signature, SBOM or other artifact about an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Accessory {
    pub digest: Digest,
    /// `signature.cosign`, `signature.notation`, `sbom.harbor`, `accelerator.nydus`, `subject.accessory`.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub kind: String,
    #[serde(rename = "size", default, deserialize_with = "size")]
    pub size_bytes: u64,
}

/// An artifact as Harbor lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub id: i64,
    /// Number of its repository, where Harbor says it. What a deleted repository left behind has the number of that one.
    pub repository_id: Option<i64>,
    pub repository: RepositoryName,
    pub digest: Digest,
    pub manifest_media_type: String,
    pub artifact_type: Option<String>,
    /// `IMAGE`, `CHART` …
    pub kind: String,
    /// Layers, configuration and manifest; of an index, the sum of its children.
    pub size_bytes: u64,
    pub push_time: Option<OffsetDateTime>,
    pub pull_time: Option<OffsetDateTime>,
    pub tags: Vec<TagInfo>,
    pub labels: Vec<Label>,
    /// Manifests of an index.
    pub children: Vec<Digest>,
    /// Direct accessories.
    pub accessories: Vec<Accessory>,
}

#[derive(Deserialize)]
struct Child {
    child_digest: Digest,
}

#[derive(Deserialize)]
struct Row {
    id: i64,
    repository_id: Option<i64>,
    /// Since 2.12, and only in the listing of a project.
    repository_name: Option<RepositoryName>,
    digest: Digest,
    #[serde(default, deserialize_with = "or_default")]
    manifest_media_type: String,
    artifact_type: Option<String>,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(rename = "size", default, deserialize_with = "size")]
    size_bytes: u64,
    #[serde(default, deserialize_with = "moment")]
    push_time: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "moment")]
    pull_time: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "or_default")]
    tags: Vec<TagInfo>,
    #[serde(default, deserialize_with = "or_default")]
    labels: Vec<Label>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Child>,
    #[serde(default, deserialize_with = "or_default")]
    accessories: Vec<Accessory>,
}

impl Row {
    fn into_artifact(self, repository: Option<&RepositoryName>) -> Result<Artifact, RegistryError> {
        let named = repository.cloned().or(self.repository_name);
        let repository =
            named.ok_or_else(|| RegistryError::Protocol { what: format!("artifact {} without a repository", self.digest.short()) })?;
        Ok(Artifact {
            id: self.id,
            repository_id: self.repository_id,
            repository,
            digest: self.digest,
            manifest_media_type: self.manifest_media_type,
            artifact_type: self.artifact_type.filter(|t| !t.is_empty()),
            kind: self.kind,
            size_bytes: self.size_bytes,
            push_time: self.push_time,
            pull_time: self.pull_time,
            tags: self.tags,
            labels: self.labels,
            children: self.references.into_iter().map(|c| c.child_digest).collect(),
            accessories: self.accessories,
        })
    }
}

fn listing(path: String, what: String) -> Listing {
    Listing::new(path, what).with("with_tag", "true").with("with_label", "true").with("with_accessory", "true").filtered("base=*")
}

fn artifact_path(repository: &RepositoryName, reference: &Reference) -> String {
    format!("{}/artifacts/{reference}", repository_path(repository))
}

impl Client {
    /// Every artifact of a project except accessories, ordered by id within a listing. `artifact_count` is what is known of their number: a small one is read in a
    /// single answer. Prove the login before and after.
    pub fn artifacts(
        &self,
        project: &ProjectName,
        artifact_count: Option<u64>,
    ) -> impl Stream<Item = Result<Artifact, RegistryError>> + Send + 'static {
        let (client, project) = (self.clone(), project.clone());
        async_stream::try_stream! {
            let path = format!("/projects/{project}/artifacts");
            let mut rows = Rows::new(&client, listing(path, format!("list artifacts of {project}")), artifact_count);
            let mut whole = client.lists_whole_projects();
            if whole != Some(false) {
                // Where nothing is known yet, the first page tells whether there are such listings.
                let first = match rows.next().await {
                    Err(RegistryError::NotFound { .. } | RegistryError::Unsupported { .. }) if whole.is_none() => {
                        // The unknown project has its own message; the unknown path is an older Harbor.
                        if client.project(&project).await?.is_none() {
                            Err(RegistryError::NotFound { what: format!("the project {project}") })?;
                        }
                        None
                    }
                    other => Some(other?),
                };
                whole = Some(first.is_some());
                client.remember_whole_projects(first.is_some());
                for row in first.into_iter().flatten().flatten() {
                    yield row.into_artifact(None)?;
                }
            }
            if whole == Some(true) {
                while let Some(page) = rows.next().await? {
                    for row in page {
                        yield row.into_artifact(None)?;
                    }
                }
                return;
            }
            for repository in client.repositories(&project).await? {
                let name = repository.name;
                let one = listing(format!("{}/artifacts", repository_path(&name)), format!("list artifacts of {name}"));
                let mut rows = Rows::new(&client, one, Some(repository.artifact_count));
                while let Some(page) = rows.next().await? {
                    for row in page {
                        yield row.into_artifact(Some(&name))?;
                    }
                }
            }
        }
    }

    /// Every artifact of the repositories of a project whose ids lie in `ids`, except accessories, ordered by id: a large project part by
    /// part. [`RegistryError::Unsupported`] where Harbor does not list whole projects (before 2.12), or does not keep to those ids: it
    /// passes over filters it does not know.
    pub fn artifacts_between(
        &self,
        project: &ProjectName,
        ids: RangeInclusive<i64>,
    ) -> impl Stream<Item = Result<Artifact, RegistryError>> + Send + 'static {
        let (client, project) = (self.clone(), project.clone());
        async_stream::try_stream! {
            let what = format!("list artifacts of some repositories of {project}");
            if client.lists_whole_projects() == Some(false) {
                Err(RegistryError::Unsupported { what: what.clone() })?;
            }
            let some = listing(format!("/projects/{project}/artifacts"), what.clone())
                .filtered(format!("repository_id=[{}~{}]", ids.start(), ids.end()));
            let mut rows = Rows::new(&client, some, None);
            loop {
                let page = match rows.next().await {
                    Err(RegistryError::NotFound { .. }) if client.lists_whole_projects().is_none() => {
                        Err(RegistryError::Unsupported { what: what.clone() })?
                    }
                    page => page?,
                };
                let Some(page) = page else { return };
                client.remember_whole_projects(true);
                for row in page {
                    if row.repository_id.is_none_or(|id| !ids.contains(&id)) {
                        Err(RegistryError::Unsupported { what: what.clone() })?;
                    }
                    yield row.into_artifact(None)?;
                }
            }
        }
    }

    /// Every artifact of one repository except accessories.
    pub fn repository_artifacts(
        &self,
        repository: &RepositoryName,
    ) -> impl Stream<Item = Result<Artifact, RegistryError>> + Send + 'static {
        let (client, repository) = (self.clone(), repository.clone());
        async_stream::try_stream! {
            let listing = listing(format!("{}/artifacts", repository_path(&repository)), format!("list artifacts of {repository}"));
            let mut rows = Rows::new(&client, listing, None);
            while let Some(page) = rows.next().await? {
                for row in page {
                    yield row.into_artifact(Some(&repository))?;
                }
            }
        }
    }

    /// What earlier listings or the version told; `None`: the next listing will.
    fn lists_whole_projects(&self) -> Option<bool> {
        let by_version = || Some(self.known_system_info()?.version? >= HarborVersion::PROJECT_LISTING);
        self.known_whole_projects().or_else(by_version)
    }

    /// One artifact with tags, labels and accessories; works for accessories too, which no listing shows.
    pub async fn artifact(&self, repository: &RepositoryName, reference: &Reference) -> Result<Option<Artifact>, RegistryError> {
        let call = self
            .api(Method::GET, &artifact_path(repository, reference), format!("read the artifact {repository} {reference}"))
            .query("with_tag", "true")
            .query("with_label", "true")
            .query("with_accessory", "true")
            .query("with_immutable_status", "true")
            .listing();
        let row: Option<Row> = self.json_found(&call).await?;
        row.map(|row| row.into_artifact(Some(repository))).transpose()
    }

    /// Direct accessories of an artifact; they may have accessories themselves.
    pub async fn accessories(&self, repository: &RepositoryName, digest: &Digest) -> Result<Vec<Accessory>, RegistryError> {
        #[derive(Deserialize)]
        struct Numbered {
            id: i64,
            #[serde(flatten)]
            accessory: Accessory,
        }
        let path = format!("{}/accessories", artifact_path(repository, &Reference::Digest(*digest)));
        let rows = self.paged(&Listing::new(path, format!("list accessories of {}", digest.short())), |r: &Numbered| r.id).await?;
        Ok(rows.into_iter().map(|r| r.accessory).collect())
    }

    /// Deletes an artifact with all its tags and accessories.
    pub async fn delete_artifact(&self, repository: &RepositoryName, reference: &Reference) -> Result<(), RegistryError> {
        let call = self.api(Method::DELETE, &artifact_path(repository, reference), format!("delete the artifact {repository} {reference}"));
        self.expect(&call).await.map(|_| ())
    }

    /// Takes a tag off; the artifact stays, untagged perhaps.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<(), RegistryError> {
        let path = format!("{}/tags/{tag}", artifact_path(repository, &Reference::Tag(tag.clone())));
        self.expect(&self.api(Method::DELETE, &path, format!("delete the tag {repository}:{tag}"))).await.map(|_| ())
    }

    /// Puts a new tag on an artifact. A tag that exists is [`RegistryError::Conflict`]: Harbor's API never moves one.
    pub async fn create_tag(&self, repository: &RepositoryName, digest: &Digest, tag: &Tag) -> Result<(), RegistryError> {
        let path = format!("{}/tags", artifact_path(repository, &Reference::Digest(*digest)));
        let call = self.api(Method::POST, &path, format!("create the tag {repository}:{tag}")).once().json(&json!({ "name": tag }))?;
        self.expect(&call).await.map(|_| ())
    }

    /// Copies an artifact with tags and accessories inside Harbor. Not policy-checked, no pull.
    pub async fn copy_artifact(&self, from: &RepositoryName, digest: &Digest, to: &RepositoryName) -> Result<(), RegistryError> {
        let call = self
            .api(Method::POST, &format!("{}/artifacts", repository_path(to)), format!("copy {} to {to}", digest.short()))
            .query("from", &format!("{from}@{digest}"))
            .once();
        self.expect(&call).await.map(|_| ())
    }

    /// Puts a label on an artifact; one that is there already is no error.
    pub async fn add_artifact_label(&self, repository: &RepositoryName, digest: &Digest, label_id: i64) -> Result<(), RegistryError> {
        let path = format!("{}/labels", artifact_path(repository, &Reference::Digest(*digest)));
        let call = self.api(Method::POST, &path, format!("label {}", digest.short())).json(&json!({ "id": label_id }))?;
        match self.expect(&call).await {
            Ok(_) | Err(RegistryError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A listing on its way: all at once if small, else page by page.
struct Rows<'a> {
    client: &'a Client,
    listing: Listing,
    unpaged: bool,
    after: i64,
    pages: usize,
    ended: bool,
}

impl<'a> Rows<'a> {
    fn new(client: &'a Client, listing: Listing, count: Option<u64>) -> Self {
        // Harbor's count leaves children out, hence half: an index of many is rare, and the page is believed only if complete.
        let unpaged = count.is_some_and(|n| n > super::paging::PAGE_SIZE as u64 && n <= UNPAGED_ROWS_MAX / 2);
        Self { client, listing, unpaged, after: 0, pages: 0, ended: false }
    }

    async fn next(&mut self) -> Result<Option<Vec<Row>>, RegistryError> {
        if self.ended {
            return Ok(None);
        }
        if std::mem::take(&mut self.unpaged)
            && let Some(rows) = self.client.unpaged(&self.listing, "id").await?
        {
            self.ended = true;
            return Ok(Some(rows));
        }
        self.pages += 1;
        if self.pages > pages_max() {
            return Err(too_long(&self.listing));
        }
        let page = self.client.page_after(&self.listing, "id", self.after, |r: &Row| r.id).await?;
        self.ended = !page.more;
        self.after = page.rows.last().map_or(self.after, |r| r.id);
        Ok(Some(page.rows))
    }
}
