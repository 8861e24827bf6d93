//! The parts of one artifact, read from the vault.

use leptos::prelude::*;

use super::calls::get_artifact;
use super::types::ArtifactDetail;
use super::{artifact_href, project_href, tag_href};
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{bytes, short_digest};

/// The page.
#[component]
pub fn ArtifactPage() -> impl IntoView {
    let names = ["h", "p", "repo", "digest"];
    let named = names.map(|name| use_query(name).unwrap_or_default());
    let [h, p, repo, digest] = named.clone();
    view! { <Load data=get_artifact(h, p, repo, digest) view=move |a| page(a, named)/> }
}

fn page(a: ArtifactDetail, [harbor, project, repository, _]: [String; 4]) -> AnyView {
    let size: i64 = a.layers.iter().map(|l| l.2).sum();
    let title = if a.children.is_empty() {
        lang().pick(format!("{} layers, {}", a.layers.len(), bytes(size)), format!("{} 层，{}", a.layers.len(), bytes(size)))
    } else {
        lang().pick(format!("An index of {} images", a.children.len()), format!("包含 {} 个镜像的索引", a.children.len()))
    };
    let crumbs = vec![
        (format!("{harbor}/{project}"), project_href(&harbor, &project)),
        (repository.clone(), format!("{}/browse?repo={}", project_href(&harbor, &project), url_part(&repository))),
    ];
    let link = {
        let (harbor, project, repository) = (harbor.clone(), project.clone(), repository.clone());
        move |digest: &str| artifact_href(&harbor, &project, &repository, digest)
    };
    let tag_links = a.tags.iter().map(|tag| (tag_href(&harbor, &project, &repository, tag), tag.clone())).collect::<Vec<_>>();
    let tags = tag_links.into_iter().map(|(href, tag)| view! { <a class="btn small mono" href=href>{tag}</a> }).collect_view();
    let linked = |rows: &[(String, String)]| rows.iter().map(|(d, what)| (link(d), short_digest(d), what.clone())).collect::<Vec<_>>();
    let rows = |rows: Vec<(String, String, String)>, label: &'static str| {
        rows.into_iter().map(|(href, digest, what)| view! { <tr><Cell><a class="mono" href=href>{digest}</a></Cell><Cell label=label>{what}</Cell></tr> }).collect_view()
    };
    let children = rows(linked(&a.children), t("Platform", "平台"));
    let accessories = rows(linked(&a.accessories), t("Kind", "类型"));
    let layers = a
        .layers
        .clone()
        .into_iter()
        .map(|(d, kind, size)| {
            let short = short_digest(&d);
            view! { <tr><Cell><code class="mono" title=d>{short}</code></Cell><Cell label=t("Type", "类型")><span class="note">{kind}</span></Cell><Cell label=t("Size", "大小") number=true>{bytes(size)}</Cell></tr> }
        })
        .collect_view();
    let (has_layers, has_children, has_accessories, untagged) =
        (!a.layers.is_empty(), !a.children.is_empty(), !a.accessories.is_empty(), a.tags.is_empty());
    let short = short_digest(&a.digest);
    let ArtifactDetail { digest, media_type, manifest, config, .. } = a;
    let digest_cols = || Col::text(t("Digest", "摘要"));
    view! {
        <PageHead title=title crumbs=crumbs here=short><Digest value=digest/><SubItem><code class="mono">{media_type}</code></SubItem></PageHead>
        <Columns>
            <Stack>
                {has_layers.then(|| view! { <Panel title=t("Layers", "层")><DataTable caption=t("Layers", "层") cols=vec![digest_cols(), Col::text(t("Type", "类型")), Col::number(t("Size", "大小"))]>{layers}</DataTable></Panel> })}
                {has_children.then(|| view! { <Panel title=t("Images of the index", "索引中的镜像")><DataTable caption=t("Images", "镜像") cols=vec![digest_cols(), Col::text(t("Platform", "平台"))]>{children}</DataTable></Panel> })}
                <Panel title=t("Manifest", "清单") note=t("exactly as stored", "按存储原样") padded=true><pre class="mono raw" tabindex="0">{manifest}</pre></Panel>
                {config.map(|c| view! { <Panel title=t("Configuration", "配置") padded=true><pre class="mono raw" tabindex="0">{c}</pre></Panel> })}
            </Stack>
            <Stack>
                <Panel title=t("Tags that named it", "指向过它的 Tag") padded=true>
                    {if untagged { view! { <p class="note">{t("None: it was untagged.", "无：未打 Tag。")}</p> }.into_any() } else { view! { <Bar>{tags}</Bar> }.into_any() }}
                </Panel>
                {has_accessories.then(|| view! { <Panel title=t("Signatures, SBOMs and others", "签名、SBOM 等附件")><DataTable caption=t("Accessories", "附件") cols=vec![digest_cols(), Col::text(t("Kind", "类型"))]>{accessories}</DataTable></Panel> })}
            </Stack>
        </Columns>
    }
    .into_any()
}
