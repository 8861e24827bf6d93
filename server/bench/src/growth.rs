//! What grows with the number of tags and repositories: time and memory of a backup, first and with nothing changed but all listed. On a
//! simulator in a process of its own, with small images, so that the number of artifacts is what is measured; ours alone.

use std::time::Duration;

use serde::Serialize;
use testkit::Proxy;

use crate::sim::{self, Content};
use crate::tools::{Case, Fixture, Tool};
use crate::usage::{self, Used};
use crate::{Failure, Options};

/// Sizes whose time for each tag is compared.
pub(crate) const FEW: usize = 1_000;
pub(crate) const MANY: usize = 10_000;
/// A repository whose backup must fit the memory allowed.
const TAGS_FOR_MEMORY: usize = 50_000;
/// And a project.
const REPOSITORIES_FOR_MEMORY: usize = 100_000;

/// One size under one latency.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub content: Content,
    pub latency_ms: u64,
    pub first: Cost,
    pub listed: Cost,
}

/// What one case cost.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    #[serde(flatten)]
    pub used: Used,
    pub requests: u64,
}

impl Row {
    pub fn name(&self) -> String {
        let Content { repositories, tags, referrers, .. } = self.content;
        let signed = if referrers { ", each signed" } else { "" };
        format!("{repositories} × {tags} tags{signed}, {} ms", self.latency_ms)
    }
}

pub(crate) async fn run(options: &Options) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let referrers: &[bool] = if options.no_growth { &[] } else { &[false, true] };
    for referrers in referrers.iter().copied() {
        for tags in [FEW, MANY] {
            let content = Content { repositories: 1, tags, referrers, layers: true };
            let latencies: &[u64] = if referrers { &[0] } else { &options.latency_ms };
            rows.extend(one(&content, latencies, options).await?);
        }
    }
    if options.memory {
        let many = Content { repositories: 1, tags: TAGS_FOR_MEMORY, referrers: false, layers: false };
        let wide = Content { repositories: REPOSITORIES_FOR_MEMORY, tags: 1, referrers: false, layers: false };
        for content in [many, wide] {
            rows.extend(one(&content, &[0], options).await?);
        }
    }
    Ok(rows)
}

async fn one(content: &Content, latencies: &[u64], options: &Options) -> Result<Vec<Row>, Failure> {
    println!("· {} repositories of {} tags{}", content.repositories, content.tags, if content.referrers { ", each signed" } else { "" });
    let filled = sim::start(content).await?;
    let proxy = Proxy::start(&filled.login.url).await;
    let mut rows = Vec::new();
    for latency_ms in latencies {
        proxy.set_latency(Duration::from_millis(*latency_ms));
        let folder = tempfile::Builder::new().prefix("breakwater-bench").tempdir()?;
        let host = proxy.addr().to_string();
        let (user, secret) = (&filled.login.user, &filled.login.secret);
        let fixture = Fixture { harbor: &host, project: sim::PROJECT, user, secret, folder: folder.path(), registry: "" };
        let mut costs = Vec::new();
        for case in [Case::First, Case::Listed] {
            let line = Tool::Breakwater.line(&std::env::current_exe()?, case, &fixture);
            proxy.reset_counts();
            let (used, _) = usage::line(&line, folder.path(), options.case_seconds_max).await?;
            costs.push(Cost { used, requests: proxy.total().requests });
        }
        let [first, listed] = <[Cost; 2]>::try_from(costs).map_err(|_| "two cases have two costs")?;
        rows.push(Row { content: *content, latency_ms: *latency_ms, first, listed });
    }
    Ok(rows)
}
