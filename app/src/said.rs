//! Sentences the server says, in the reader's language.
//!
//! What is no value yet ([`crate::sentence`]): the audit history, check-lists, findings of vaults, limits of snapshots. The server says it
//! in English; pages in another language look it up here by its shape, and one without an entry stays as it was said.

use crate::refusals::Refusal;
use crate::sentence::{Said, Sentence as _};
use crate::text::{Lang, lang};

/// Shapes and their translation: `{}` stands for what varies, in the same order unless numbered.
const SENTENCES: &[(&str, &str)] = &[
    // Rebuilding.
    ("no Harbor of this name is registered: register one under it, then rebuild again", "未登记此名称的 Harbor：以该名称登记后再次重建"),
    (
        "something its index needs is lost or damaged: verify the vault, which heals what it can, then rebuild again",
        "其索引所需内容丢失或损坏：请先校验保管库（会尽量修复），再次重建",
    ),
    ("its pointer cannot be used: {}", "其指针无法使用：{}"),
    ("the catalogue and the vault {} differ: nothing is swept", "目录与保管库 {} 不一致：不作清理"),
    // Layers that are elsewhere.
    ("it comes back without that layer, as the registry has it", "恢复后不含该层，与镜像仓库中的一致"),
    ("the layer is said to be at {}; push it to the registry to have it backed up", "该层据称位于 {}；将其推送到镜像仓库即可备份"),
    ("push the layer to the registry to have it backed up", "将该层推送到镜像仓库即可备份"),
    ("{} needs the layer {}, which the registry did not have: it is said to be at {}", "{} 需要层 {}，而镜像仓库中没有：据称位于 {}"),
    ("{} needs the layer {}, which the registry did not have: no address is known", "{} 需要层 {}，而镜像仓库中没有：没有已知地址"),
    ("{} more layers are needed that the registry did not have", "另需 {} 个镜像仓库中没有的层"),
    // Locks.
    ("its lock was extended", "锁定已延长"),
    ("an older version in the same bucket", "同一存储桶中的旧版本"),
    ("locked until {}", "锁定至 {}"),
    ("snapshots are kept for longer than the {} days for which the vault locks them", "快照的保留期长于保管库锁定的 {} 天"),
    ("{} objects that {} needs were locked until {}, not until {}", "{1} 需要的 {0} 个对象锁定至 {2}，而非 {3}"),
    ("{} objects that {} needs were locked not at all, not until {}", "{1} 需要的 {0} 个对象未锁定，应锁定至 {2}"),
    (
        "find out who can lift locks or forge the small files of the vault, and give the bucket another key",
        "请查明谁能解除锁定或伪造保管库的小文件，并更换存储桶密钥",
    ),
    // Healing.
    ("it was stored anew", "已重新存储"),
    ("every snapshot has what it needs of it", "所有快照所需内容均完整"),
    ("what is always the same", "固定内容"),
    ("copy what {} made to {}", "将 {} 的快照复制到 {}"),
    ("{} is full in about {} days", "{} 约 {} 天后写满"),
    ("{}: {} ends in {} days", "{}：{} 将于 {} 天后到期"),
    ("{}: {} has ended", "{}：{} 已到期"),
    ("{} at {}", "{}，{}"),
    ("at most {} further vaults", "最多 {} 个其他保管库"),
    // What the first look of a run rests on.
    ("repository update times", "仓库更新时间"),
    ("the Harbor's audit log", "Harbor 审计日志"),
    ("nothing was listed before", "此前未列出过项目"),
    ("update times follow pushes from Harbor 2.15.2 on", "Harbor 2.15.2 起更新时间才随推送变化"),
    ("the Harbor does not tell its clock", "Harbor 未提供时钟"),
    ("the Harbor does not sort repositories by update time", "Harbor 未按更新时间排序仓库"),
    ("the login does not see as many repositories as the projects count", "该登录可见的仓库数少于项目计数"),
    ("the login may not list repositories of all projects", "该登录无权列出所有项目的仓库"),
    ("the last full listing found what update times did not show", "上次完整列出发现更新时间未反映的变更"),
    ("a listing found what the Harbor's audit log did not name", "列出时发现 Harbor 审计日志未记录的变更"),
    ("no listing has found yet that the Harbor's audit log names pushes", "尚无列出结果证实 Harbor 审计日志会记录推送"),
    ("the Harbor was set back to an older state of its database", "Harbor 的数据库已被还原到较早的状态"),
    ("{} changed last at {}, and at {} when it was looked at before", "{} 最近变更于 {}，而此前查看时为 {}"),
    ("its audit log ends with row {}, and went on to row {} before", "其审计日志止于第 {} 行，而此前已到第 {} 行"),
    ("row {} of its audit log is another one than before", "其审计日志第 {} 行与此前不同"),
    ("{} is new and has the number {}, which was handed out before", "{} 为新建，却使用了此前已分配的编号 {}"),
    ("the Harbor's audit log was not read before", "此前未读取过 Harbor 审计日志"),
    (
        "the Harbor's audit log shows no row: it is off, or the login lacks audit-log:list of the system",
        "Harbor 审计日志没有记录：日志已关闭，或该登录缺少系统权限 audit-log:list",
    ),
    ("the Harbor's audit log cannot be read with this login", "该登录无法读取 Harbor 审计日志"),
    ("rows of the Harbor's audit log are missing since the last look", "自上次查看以来 Harbor 审计日志有缺失"),
    ("the Harbor's audit log has too many changes since the last look", "自上次查看以来 Harbor 审计日志的变更过多"),
    // The audit history.
    ("{} signed in", "{} 登录"),
    ("{} signed out", "{} 退出登录"),
    ("failed to sign in as {}", "以 {} 登录失败"),
    ("made the account {}", "创建账号 {}"),
    ("made the plan {}", "创建备份计划 {}"),
    ("made the vault {}", "创建保管库 {}"),
    ("registered the harbor {}", "登记 Harbor {}"),
    ("changed the harbor {}", "更改 Harbor {}"),
    ("made the logins of the harbor {} anew", "重新创建 Harbor {} 的登录"),
    ("tested the connection to {}", "测试到 {} 的连接"),
    ("is about to make the project {} in {}, to read there what a policy blocks", "即将在 {1} 中创建项目 {0}，用于读取被策略拦截的镜像"),
    ("allows {} images that a policy blocks to be copied into {} and read there", "允许将 {} 中被策略拦截的镜像复制到 {} 并在其中读取"),
    ("images of {} that a policy blocks are no longer copied and read", "不再复制和读取 {} 中被策略拦截的镜像"),
    ("removed the staging project {} of {}", "删除 {1} 的暂存项目 {0}"),
    ("removed the staging project {} of {}, which did not come into use", "删除 {1} 未启用的暂存项目 {0}"),
    ("removed {} copies that were left in {} of {}", "删除 {2} 的 {1} 中残留的 {0} 个副本"),
    ("a run begins to read images that a policy blocks through {} of {}", "一次运行开始通过 {1} 的 {0} 读取被策略拦截的镜像"),
    ("had {} images that a policy blocks copied to {} of {}, to read them there", "将 {0} 个被策略拦截的镜像复制到 {2} 的 {1} 以供读取"),
    (
        "removed the harbor {}; its snapshots stay, and so does the staging project {} in it",
        "移除 Harbor {}，其快照保留，其中的暂存项目 {} 也仍在",
    ),
    ("changed the plan {}", "更改备份计划 {}"),
    ("deleted the plan {}; its snapshots stay", "删除备份计划 {}，其快照保留"),
    ("deleted the plan {}; it has no snapshots", "删除备份计划 {}，其没有快照"),
    ("deleted the plan {}; its snapshots are all kept, for {}", "删除备份计划 {}，其快照全部保留，由 {} 负责"),
    ("deleted the plan {}; its snapshots are kept by the rule it had", "删除备份计划 {}，其快照按原规则保留"),
    ("deleted the plan {}; its snapshots are kept by the rule of the plan {}", "删除备份计划 {}，其快照按计划 {} 的规则保留"),
    ("accepted a gap of {}: {}", "接受 {} 的缺口：{}"),
    ("accepted {} gaps of {}", "接受 {1} 的 {0} 处缺口"),
    ("withdrew the acceptance of a gap of {}: {}", "撤回对 {} 缺口的接受：{}"),
    ("paused the plan {} for {} days", "暂停备份计划 {}，共 {} 天"),
    ("resumed the plan {}", "恢复备份计划 {}"),
    ("the plan {} is due", "备份计划 {} 到期运行"),
    ("asked for a run of the plan {}", "请求运行备份计划 {}"),
    ("asked for the projects of {}", "请求列出 {} 的项目"),
    ("the harbor {} was set back to an older state of its database: {}", "Harbor {} 的数据库已被还原到较早的状态：{}"),
    // Limits of a snapshot.
    (
        "1 artifact that Harbor does not list was found there; a signature or the like without a tag, about an image that is not in this project, may be there unseen",
        "在此找到 1 个 Harbor 未列出的制品；若有无 Tag 且针对本项目之外镜像的签名等，可能未被看到",
    ),
    (
        "{} artifacts that Harbor does not list were found there; a signature or the like without a tag, about an image that is not in this project, may be there unseen",
        "在此找到 {} 个 Harbor 未列出的制品；若有无 Tag 且针对本项目之外镜像的签名等，可能未被看到",
    ),
    (
        "Harbor counts and lists no artifact there, and none was found by tags or as referrers of this project's images; a signature or the like without a tag, about an image that is not in this project, may be there unseen",
        "Harbor 在此不计数也不列出任何制品，按 Tag 与本项目镜像的引用亦未找到；若有无 Tag 且针对本项目之外镜像的签名等，可能未被看到",
    ),
    ("what refers to an image was asked of {} of {} images", "仅询问了 {1} 个镜像中 {0} 个的引用者"),
    ("{} of {} tags and artifacts that Harbor does not list were looked up", "Harbor 未列出的 {1} 个 Tag 与制品中查找了 {0} 个"),
    ("the same holds of {} more repositories", "另有 {} 个仓库同样如此"),
    ("asked for a backup of {}", "请求备份 {}"),
    ("asked to verify the vault {}", "请求校验保管库 {}"),
    ("a run of {} backed up {} projects of {}", "{0} 的一次运行备份了 {2} 的 {1} 个项目"),
    ("a run of {} failed: {}", "{} 的一次运行失败：{}"),
    ("captured {}: {} tags", "捕获 {}：{} 个 Tag"),
    ("verified {} audit events", "校验 {} 条审计记录"),
    ("read the audit history, {} events matched", "查看审计记录，匹配 {} 条"),
    ("holds the snapshot of {} at {}", "锁定 {} 在 {} 的快照"),
    ("holds the snapshot of {} at {}, until {}", "锁定 {} 在 {} 的快照，至 {}"),
    ("holds the snapshot of {} at {}, without an end", "锁定 {} 在 {} 的快照，无期限"),
    ("released the hold of {} on the snapshot of {} at {}", "解除 {} 对 {} 在 {} 的快照的锁定"),
    ("restore #{} starts to write", "恢复 #{} 开始写入"),
    ("restore #{} ended: {}", "恢复 #{} 结束：{}"),
    ("took restore #{} back", "撤回恢复 #{}"),
    ("changed the roles of {}", "更改 {} 的角色"),
    ("changed the password of {}; its sessions ended", "更改 {} 的密码，其会话已结束"),
    // Gaps of images that a policy blocks, and staging.
    (
        "let Breakwater read such images through a staging project (settings of the harbor), or scan or sign the image, or relax the project's policy; then run the plan again",
        "可在 Harbor 设置中启用通过暂存项目读取，或扫描、签名镜像，或放宽项目策略，然后再次运行计划",
    ),
    (
        "test the connection on the harbor's page: it says what is wrong with the staging project or its login",
        "请在 Harbor 页面测试连接，其中会说明暂存项目或其登录的问题",
    ),
    (
        "raise the quota of the staging project, best to unlimited, then run the plan again: a copy takes next to no space in Harbor's storage",
        "请提高暂存项目的配额（最好不限），然后再次运行计划：副本不占用 Harbor 存储空间",
    ),
    ("run the plan again once the Harbor is out of read-only mode", "Harbor 退出只读模式后再次运行计划"),
    (
        "it was never finished: switch it on with an administrator's login, which finishes or removes it",
        "此前未完成：请用管理员登录重新启用，以完成或清除",
    ),
    ("it could not be switched on: {}", "未能启用：{}"),
    // Refusals that forms meet often.
    ("type {} to confirm", "请输入 {} 以确认"),
    ("nobody is both {} and {}: the three duties are three different people", "同一人不得兼任 {} 与 {}：三员须由三人分任"),
    ("nobody is both {} and {} of a project: give one of the two to somebody else", "同一人不得既是 {} 又是项目 {}：请将其中之一交给他人"),
    ("at most {} networks", "最多 {} 个网络"),
    ("ended session {} of {}", "结束了 {1} 的会话 {0}"),
    ("ended {} sessions of {}", "结束了 {1} 的 {0} 个会话"),
    ("ended the token “{}” of {}", "撤销了 {1} 的令牌“{0}”"),
    ("the set-up is over: three people hold the three duties", "初始设置完成：三员已由三人分任"),
    ("the set-up is over: three people hold the three duties; {}", "初始设置完成：三员已由三人分任；{}"),
    // Last, since it fits much.
    ("the vault {}", "保管库 {}"),
    // Refusals of forms and calls, and what people asked for.
    ("switched off the account {}", "停用账号 {}"),
    ("switched on the account {}", "启用账号 {}"),
    ("made the {} token “{}” of {} for {} days", "创建 {} 令牌“{}”，所有者 {}，有效 {} 天"),
    ("ended the token “{}”", "停用令牌“{}”"),
    ("Read layers from the storage", "从存储读取镜像层"),
    ("Harbor hands them out itself", "由 Harbor 自身提供"),
    ("Harbor points to {}, which answers", "Harbor 指向 {}，可以访问"),
    ("the registry keeps its blobs at {}, and they cannot be read from there: {}", "仓库的数据存放在 {}，无法从那里读取：{}"),
    (
        "make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the registry hand blobs out itself: redirect: disable: true in the storage section of its configuration (disableredirect: true in Harbor's)",
        "请让 Breakwater 能访问此名称和网络（私有网络：以 --allow-net 启动），或让仓库自行提供数据：在其配置的 storage 部分设置 redirect: disable: true（Harbor 配置为 disableredirect: true）",
    ),
    (
        "make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the registry hand blobs out itself (redirect: disable: true in the storage section of its configuration, disableredirect: true in Harbor's); then run the plan again",
        "请让 Breakwater 能访问此名称和网络（私有网络：以 --allow-net 启动），或让仓库自行提供数据（在其配置的 storage 部分设置 redirect: disable: true，Harbor 配置为 disableredirect: true）；然后重新运行计划",
    ),
    ("Send large bodies", "发送大请求体"),
    ("not tried: {}", "未测试：{}"),
    ("bodies of {} reach Harbor", "{} 的请求体可到达 Harbor"),
    ("bodies of {} reach Harbor; larger ones were not tried, since this took long", "{} 的请求体可到达 Harbor；因耗时较长，未测试更大的"),
    (
        "something before Harbor refuses bodies of more than {}: layers are sent in pieces of that size, and a larger manifest cannot be sent",
        "Harbor 前的设备拒绝超过 {} 的请求体：镜像层将按此大小分块发送，更大的 manifest 无法发送",
    ),
    (
        "something before Harbor refuses bodies of more than {}: nothing can be sent",
        "Harbor 前的设备拒绝超过 {} 的请求体：无法发送任何内容",
    ),
    (
        "raise the limit of the proxy, load balancer or CDN before Harbor (nginx: client_max_body_size 0)",
        "请提高 Harbor 前的代理、负载均衡或 CDN 的限制（nginx：client_max_body_size 0）",
    ),
    ("asked job {} to stop: {}", "请求停止任务 {}：{}"),
    ("queued job {} again: {}", "重新排队任务 {}：{}"),
    ("the pause of the plan {} is over", "计划 {} 的暂停已结束"),
    ("asked for a backup of {}/{}", "请求备份 {}/{}"),
    ("a run of {} was stopped", "{} 的一次运行被停止"),
    ("at most {} lines", "最多 {} 行"),
    ("asked for restore #{}: {}", "提交恢复申请 #{}：{}"),
    (
        "the plan of restore #{} was made by an earlier version of this program, so its votes lapsed",
        "恢复 #{} 的方案由本程序的旧版本生成，投票失效",
    ),
    ("Harbor changed, so the votes on restore #{} lapsed", "Harbor 已变化，恢复 #{} 的投票失效"),
    ("was not allowed to vote on restore #{}", "无权对恢复 #{} 投票"),
    ("asked restore #{} to stop", "请求停止恢复 #{}"),
    ("restore #{} expired: nobody decided in time", "恢复 #{} 已过期：无人及时审批"),
    ("changed the bucket of the vault {}", "更改保管库 {} 的存储桶"),
    ("tested the bucket of the vault {}", "测试保管库 {} 的存储桶"),
    ("healed a lost object: taken from {}", "修复丢失的对象：取自 {}"),
    ("a lock is too short: {}", "锁定时间不足：{}"),
    ("brought a pointer back from an older version in the same bucket", "由同一存储桶中的旧版本恢复一个指针"),
    ("opened the vault {} for writing", "开放保管库 {} 的写入"),
    ("the catalogue and the vault {} agree again", "目录与保管库 {} 重新一致"),
    ("asked for a sweep of the vault {}", "请求清理保管库 {}"),
    ("approved restore #{}", "批准恢复 #{}"),
    ("refused restore #{}", "拒绝恢复 #{}"),
    ("adopted the vault {}", "接管保管库 {}"),
];

/// A sentence of the server in the language of this page.
#[must_use]
pub fn said(sentence: &str) -> String {
    match lang() {
        Lang::En => sentence.to_owned(),
        Lang::ZhCn => translated(sentence).unwrap_or_else(|| sentence.to_owned()),
    }
}

/// Why a call was refused, in the language of this page. What is not a value yet is looked up as any sentence of the server.
#[must_use]
pub fn told(refusal: &Said<Refusal>) -> String {
    match refusal {
        Said::Now(refusal) => refusal.say(lang()),
        Said::Then(text) => said(text),
    }
}

fn translated(sentence: &str) -> Option<String> {
    let fitting = SENTENCES.iter().filter_map(|(shape, words)| parts(shape, sentence).map(|parts| (shape, words, parts)));
    // The one that leaves least open: some shapes fit much.
    let closest = fitting.min_by_key(|(_, _, parts)| parts.iter().map(|part| part.len()).sum::<usize>());
    closest.map(|(_, words, parts)| filled(words, &parts))
}

/// What stands for the `{}` of a shape, if the sentence has it.
fn parts<'a>(shape: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut fixed = shape.split("{}");
    let mut rest = sentence.strip_prefix(fixed.next()?)?;
    let mut found = Vec::new();
    let mut between: Vec<&str> = fixed.collect();
    let Some(last) = between.pop() else { return rest.is_empty().then_some(found) };
    for text in between {
        let (part, after) = rest.split_once(text)?;
        found.push(part);
        rest = after;
    }
    found.push(rest.strip_suffix(last)?);
    found.iter().all(|part| !part.is_empty()).then_some(found)
}

fn filled(words: &str, parts: &[&str]) -> String {
    let mut text = words.to_owned();
    for (i, part) in parts.iter().enumerate() {
        let numbered = format!("{{{i}}}");
        text = if words.contains(&numbered) { text.replacen(&numbered, part, 1) } else { text.replacen("{}", part, 1) };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_known_by_its_shape() {
        let zh = |text| translated(text);
        assert_eq!(zh("made the plan nightly").as_deref(), Some("创建备份计划 nightly"));
        assert_eq!(zh("asked for a backup of prod/shop").as_deref(), Some("请求备份 prod/shop"));
        assert_eq!(zh("asked for a run of the plan nightly").as_deref(), Some("请求运行备份计划 nightly"), "the closest of those that fit");
        assert_eq!(zh("something nobody thought of"), None);
        assert_eq!(zh(""), None);
    }

    #[test]
    fn every_translation_uses_all_parts_of_its_shape_that_it_names() {
        for (shape, words) in SENTENCES {
            let varying = shape.matches("{}").count();
            let named = (0..9).filter(|i| words.contains(&format!("{{{i}}}"))).count();
            let plain = words.matches("{}").count();
            assert!(plain == varying && named == 0 || plain == 0, "{shape}: {words}");
        }
    }
}
