//! Small listings of `/v2`: ping, tags, referrers.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, RepositoryName, Tag};

use crate::auth::Scope;
use crate::client::{Client, LISTING_BYTES_MAX, parse};
use crate::error::RegistryError;

/// Tags asked for at a time.
const TAGS_PER_PAGE: usize = 1000;
/// Most pages of tags read: ten million tags.
const TAG_PAGES_MAX: usize = 10_000;

#[derive(Deserialize)]
struct TagPage {
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
struct ReferrerIndex {
    manifests: Option<Vec<Descriptor>>,
}

impl Client {
    /// Whether `/v2/` answers and accepts the login.
    pub async fn ping_v2(&self) -> Result<(), RegistryError> {
        self.expect(&self.v2(Method::GET, "", Scope::Ping, "use the registry")).await.map(|_| ())
    }

    /// All tag names of a repository, those on accessories too, which no listing of Harbor's API shows. Unknown repository: empty.
    pub async fn tag_names(&self, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
        let mut names: Vec<Tag> = Vec::new();
        let mut linked = false;
        for _ in 0..TAG_PAGES_MAX {
            let mut call = self.v2(
                Method::GET,
                &format!("{repository}/tags/list"),
                Scope::Pull(repository.clone()),
                format!("list tags of {repository}"),
            );
            call = call.query("n", &TAGS_PER_PAGE.to_string());
            if let Some(last) = names.last() {
                call = call.query("last", last.as_str());
            }
            call.answer_bytes_max = LISTING_BYTES_MAX;
            let Some(answer) = self.expect_found(&call).await? else { return Ok(names) };
            let page: TagPage = parse(&answer.body, &call.request.what)?;
            let tags = page.tags.unwrap_or_default();
            let count = tags.len();
            // A tag that was there already means that the cursor was not understood. Distribution 2.8 knows no pages and sends everything
            // each time, in no order, without the link of one that does.
            if tags.first().is_some_and(|first| names.contains(first)) {
                return if linked {
                    Err(RegistryError::Protocol { what: format!("the tag listing of {repository} does not move on") })
                } else {
                    Ok(names)
                };
            }
            linked = answer.header("link").is_some();
            names.extend(tags);
            // More than was asked for is everything.
            if count != TAGS_PER_PAGE {
                return Ok(names);
            }
        }
        Err(RegistryError::TooLarge {
            what: format!("the tag listing of {repository}"),
            limit_bytes: (TAG_PAGES_MAX * TAGS_PER_PAGE) as u64,
        })
    }

    /// Manifests that name this one as their subject. [`RegistryError::Unsupported`] where the registry has no such endpoint (Harbor before 2.8).
    pub async fn referrers(&self, repository: &RepositoryName, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let what = format!("list referrers of {}", digest.short());
        let mut call = self.v2(Method::GET, &format!("{repository}/referrers/{digest}"), Scope::Pull(repository.clone()), what);
        call.answer_bytes_max = MANIFEST_BYTES_MAX;
        let answer = self.fetch(&call).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(RegistryError::Unsupported { what: "referrers".to_owned() });
        }
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, &call.request.what, None));
        }
        let index: ReferrerIndex = parse(&answer.body, &call.request.what)?;
        Ok(index.manifests.unwrap_or_default())
    }
}
