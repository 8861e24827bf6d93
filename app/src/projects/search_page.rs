//! Search over all time: what is lost comes first, and Harbor is asked whether it has it.

use leptos::prelude::*;

use super::calls::search_all;
use super::found::{Found, HitRole, InHarbor, Presence, SearchHit, SearchNote};
use super::gap_words::gap_note;
use super::now_pages::{NOW, look_now};
use super::{artifact_href, project_href, restore_href, tag_href};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{short_digest, short_tag};

/// Characters of what was typed that a title repeats.
const SHOWN_CHARS: usize = 80;

/// The page.
#[component]
pub fn SearchPage() -> impl IntoView {
    let q = use_query("q").unwrap_or_default();
    view! { <Load data=search_all(q.clone(), false) topics=&[Topic::Snapshots] view=move |found| page(found, q)/> }
}

fn page(found: Found, q: String) -> AnyView {
    let typed = q.trim().chars().count();
    let shown: String = q.trim().chars().take(SHOWN_CHARS).chain((typed > SHOWN_CHARS).then_some('…')).collect();
    let title = match (typed, found.hits.len()) {
        (0 | 1, _) => t("Find an image by whatever you have of it.", "用您掌握的任何信息查找镜像。").to_owned(),
        (_, 0) => lang().pick(format!("Nothing captured matches “{shown}”."), format!("没有捕获内容匹配“{shown}”。")),
        (_, 1) => lang().pick(format!("One image matches “{shown}”."), format!("1 个镜像匹配“{shown}”。")),
        (_, n) => lang()
            .pick(format!("{n} images match “{shown}”; what is gone comes first."), format!("{n} 个镜像匹配“{shown}”，已删除的在前。")),
    };
    let (empty, asked) = (found.hits.is_empty(), typed > 1);
    let noted = notes(&found);
    let now = format!("/search/now?q={}", url_part(&q));
    // What is noted goes with what it is about: Harbor's answer brings both anew.
    let (alone, hits) = if empty { (noted, None) } else { (None, Some(view! { {noted}{hits(found)} })) };
    view! {
        <PageHead title=title here=t("Search", "搜索")/>
        <GetForm action="/search">
            <label class="filter wide"><span>{t("A name or a part of it, a reference with host and tag, a digest or its first digits, or the whole line of an error", "名称或其一部分、带主机和 Tag 的引用、摘要或其前几位，或整行错误信息")}</span><input type="search" name="q" value=q spellcheck="false"/></label>
            <SubmitButton text=t("Search", "搜索") kind=ButtonKind::Primary/>
        </GetForm>
        {alone}
        {(empty && asked).then(|| view! {
            <Empty kind=EmptyKind::NoMatch title=t("No snapshot you may see holds this.", "您可查看的快照中没有匹配内容。")
                text=t("Try a part of the name. An image that lived and died between two snapshots was never captured; a project without a plan has none.", "请尝试名称的一部分。仅存在于两次快照之间的镜像没有备份；未纳入备份计划的项目也没有。")>
                <LinkButton href="/projects" text=t("Projects", "项目")/>
            </Empty>
        })}
        {hits.map(|hits| view! { <Later region=NOW href=now text=look_now()>{hits}</Later> })}
    }
    .into_any()
}

/// What there is to say of a search.
pub(super) fn notes(found: &Found) -> Option<AnyView> {
    let notes = found.notes.iter().map(|note| view! { <p>{note_words(note)}</p> }).collect_view();
    (!found.notes.is_empty()).then(|| view! { <Callout tone=Tone::Idle>{notes}</Callout> }.into_any())
}

/// The table of what was found.
pub(super) fn hits(found: Found) -> AnyView {
    let rows = found.hits.into_iter().map(row).collect_view();
    let cols = vec![
        Col::text(t("Tag", "Tag")),
        Col::text("Harbor"),
        Col::text(t("Image", "镜像")),
        Col::text(t("Last seen", "最后出现")),
        Col::text(t("In Harbor", "Harbor 中")),
        Col::actions(),
    ];
    view! { <section class="panel"><DataTable caption=t("Hits", "结果") cols=cols>{rows}</DataTable></section> }.into_any()
}

fn row(hit: SearchHit) -> impl IntoView {
    let image = (!hit.digest.is_empty()).then(|| artifact_href(&hit.harbor, &hit.project, &hit.repository, &hit.digest));
    let (name, href) = if hit.tag.is_empty() {
        (
            format!("{}@{}", hit.repository, short_digest(&hit.digest)),
            image.clone().unwrap_or_else(|| project_href(&hit.harbor, &hit.project)),
        )
    } else {
        (format!("{}:{}", hit.repository, short_tag(&hit.tag)), tag_href(&hit.harbor, &hit.project, &hit.repository, &hit.tag))
    };
    let about = hit.subject.as_deref().map(short_digest);
    let role = match hit.role {
        HitRole::Tag => String::new(),
        HitRole::Untagged => t("without a tag", "无 Tag").to_owned(),
        HitRole::Child => t("member of an index, without a tag of its own", "索引的成员，自身无 Tag").to_owned(),
        HitRole::Accessory => {
            let about = about.unwrap_or_default();
            lang().pick(format!("accessory of {about}"), format!("{about} 的附件"))
        }
        HitRole::Gap => t("never captured: the newest snapshot names it as a gap", "从未捕获：最新快照将其记为缺口").to_owned(),
    };
    let by_id = hit.by_image_id.then(|| view! { <span class="note block">{t("found by its image id, the digest of its configuration", "按镜像 ID（配置摘要）找到")}</span> });
    let gap = hit.gap.as_ref().map(gap_note);
    let item = if hit.tag.is_empty() { format!("{}@{}", hit.repository, hit.digest) } else { format!("{}:{}", hit.repository, hit.tag) };
    let restore = hit.restore_at.filter(|_| hit.in_harbor.state != Presence::Yes || !hit.in_harbor.live);
    let restore =
        restore.filter(|_| may_ask(&hit.harbor, &hit.project)).map(|at| restore_href(&hit.harbor, &hit.project, &at.url(), &item));
    view! {
        <tr>
            <Cell><a class="mono" href=href>{name}</a>{(!role.is_empty()).then(|| view! { <span class="note block">{role}</span> })}{by_id}{gap}</Cell>
            <Cell label="Harbor">{hit.harbor}</Cell>
            <Cell label=t("Image", "镜像")>{image.map(|href| view! { <a class="mono short" href=href>{short_digest(&hit.digest)}</a> })}</Cell>
            <Cell label=t("Last seen", "最后出现")><When at=hit.last_seen brief=true/></Cell>
            <Cell label=t("In Harbor", "Harbor 中")><InHarborNow there=hit.in_harbor/></Cell>
            <Cell>{restore.map(|href| view! { <LinkButton href=href text=t("Restore…", "恢复…") kind=ButtonKind::Small/> })}</Cell>
        </tr>
    }
}

/// Whether Harbor has it: yes, no, or what the snapshots say, as of when.
#[component]
pub fn InHarborNow(there: InHarbor) -> impl IntoView {
    let (tone, word) = match there.state {
        Presence::Yes => (Tone::Ok, t("yes", "是")),
        Presence::Moved => (Tone::Warn, t("the tag is, with another image", "Tag 在，但指向其他镜像")),
        Presence::Untagged => (Tone::Warn, t("the image is, without this tag", "镜像在，但无此 Tag")),
        Presence::No => (Tone::Fail, t("no", "否")),
        Presence::Unknown => (Tone::Idle, t("not known", "未知")),
    };
    if there.live {
        return view! { <Status tone=tone text=word/> }.into_any();
    }
    // What was so then need not be so now.
    view! { <Status tone=Tone::Idle text=word/><span class="note block">{t("as of", "截至")}" "<When at=there.at brief=true/></span> }
        .into_any()
}

fn note_words(note: &SearchNote) -> String {
    match note {
        SearchNote::UnknownHost { host } => lang().pick(
            format!("{host} is not the address of a Harbor you see here; the rest of the name counts."),
            format!("{host} 不是您可见的 Harbor 地址，按名称其余部分查找。"),
        ),
        SearchNote::OnlyHost { host } => lang().pick(
            format!("{host} is the address of a server; add the name of an image on it."),
            format!("{host} 是服务器地址，请补充其上的镜像名称。"),
        ),
        SearchNote::NothingNamed => t(
            "No image is named in this text. The line that names it is enough: kubectl describe shows it beside “Image” and “Failed to pull”.",
            "此文本未提及镜像。只需提及镜像的那一行：kubectl describe 在“Image”和“Failed to pull”处显示。",
        )
        .to_owned(),
        SearchNote::OtherAlgorithm => {
            t("Images are found by their SHA-256 digest; this one is of another algorithm.", "镜像按 SHA-256 摘要查找，该摘要使用其他算法。").to_owned()
        }
        SearchNote::TooShort => t("These are too few digits of a digest: give at least four.", "摘要位数过少，请至少提供四位。").to_owned(),
        SearchNote::Elsewhere { digest, repository } => lang().pick(
            format!("{} is not in {repository}; it is here:", short_digest(digest)),
            format!("{} 不在 {repository} 中，而在此处：", short_digest(digest)),
        ),
        SearchNote::DigestUnknown { digest } => lang().pick(
            format!("No snapshot has {}; this is what the name stands for.", short_digest(digest)),
            format!("没有快照包含 {}，以下按名称查找。", short_digest(digest)),
        ),
        SearchNote::TagUnknown { repository, tag } => lang().pick(
            format!("No snapshot has the tag {tag} of {repository}; these are its other tags."),
            format!("没有快照包含 {repository} 的 Tag {tag}，以下是其他 Tag。"),
        ),
        SearchNote::AccessoryUnknown { tag } => lang().pick(
            format!("No snapshot has {tag}; this is the image that such a signature or other accessory is about."),
            format!("没有快照包含 {tag}，以下是此类签名或其他附属制品所属的镜像。"),
        ),
        SearchNote::OtherHarbor { harbor } => lang().pick(
            format!("{harbor}, whose address it is, never had this; other Harbors did."),
            format!("该地址所属的 {harbor} 从未有此内容，其他 Harbor 有。"),
        ),
        SearchNote::More { shown } => lang().pick(
            format!("Only {shown} are shown: name more of it."),
            format!("仅显示 {shown} 个，请提供更多名称信息。"),
        ),
        SearchNote::NotAsked { harbor, why } => lang().pick(
            format!("{harbor} could not be asked now, so it is said as of when it was last seen: {}", why.say(Lang::En)),
            format!("当前无法询问 {harbor}，以下为最后一次捕获时的情况：{}", why.say(Lang::ZhCn)),
        ),
    }
}
