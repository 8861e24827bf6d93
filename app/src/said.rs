//! Sentences the server says, in the reader's language.
//!
//! The server speaks English: in the audit history, whose records are never translated, in the command line and in stored titles.
//! Pages in another language look its sentences up here by their shape; one without an entry stays as it was said.

use crate::text::{Lang, lang};

/// Shapes and their translation: `{}` stands for what varies, in the same order unless numbered.
const SENTENCES: &[(&str, &str)] = &[
    // Titles and phases of jobs.
    ("{} backs up {}", "{} 备份 {}"),
    ("{} backs up {}, after run {}", "{} 备份 {}，在运行 {} 之后"),
    ("back up {} of {}", "备份 {1} 的 {0}"),
    ("back up {} of {}, after run {}", "备份 {1} 的 {0}，在运行 {2} 之后"),
    ("list the projects of {}", "列出 {} 的项目"),
    ("restore #{} into {}", "恢复 #{} 到 {}"),
    ("verify the vault {}", "校验保管库 {}"),
    ("read what is due of the vault {}", "读取保管库 {} 到期部分"),
    ("heal the vault {}", "修复保管库 {}"),
    ("extend the locks of the vault {}", "延长保管库 {} 的锁定"),
    ("rebuild the catalogue from the vault {}", "由保管库 {} 重建目录"),
    ("sweep the vault {}", "清理保管库 {}"),
    // Rebuilding.
    ("listing the vault", "列出保管库"),
    ("reading pointers", "读取指针"),
    ("entering snapshots", "录入快照"),
    ("entering copies", "录入副本"),
    ("making the history of a project anew", "重建项目历史"),
    ("looking for what the vault lost", "查找保管库丢失的内容"),
    ("no Harbor of this name is registered: register one under it, then rebuild again", "未登记此名称的 Harbor：以该名称登记后再次重建"),
    (
        "something its index needs is lost or damaged: verify the vault, which heals what it can, then rebuild again",
        "其索引所需内容丢失或损坏：请先校验保管库（会尽量修复），再次重建",
    ),
    ("its pointer cannot be used: {}", "其指针无法使用：{}"),
    (
        "the vault is only read: open it for writing on its page, once no other installation writes to it",
        "保管库仅可读取：确认没有其他安装写入后，在其页面开放写入",
    ),
    ("the catalogue and the vault {} differ: nothing is swept", "目录与保管库 {} 不一致：不作清理"),
    ("look at the vault's page and rebuild the catalogue from the vault", "请查看保管库页面，并由保管库重建目录"),
    // Gaps.
    ("it cannot be restored from this snapshot; an earlier one may have it", "无法从此快照恢复；较早的快照中可能有"),
    ("what is there is not in this snapshot; an earlier one may have it", "其中内容不在此快照中；较早的快照中可能有"),
    ("what is not named cannot be restored from this snapshot", "未列出的内容无法从此快照恢复"),
    ("look after those that are named, then run the plan again", "请先处理已列出的各项，再重新运行计划"),
    (
        "no registry takes such a manifest: if it came from one, its storage is damaged there",
        "没有镜像仓库会接受这样的清单：若来自某个仓库，则该处存储已损坏",
    ),
    ("name the part by its sha256 digest and push the image again", "请以 sha256 摘要引用该部分并重新推送镜像"),
    // Layers that are elsewhere.
    ("it comes back without that layer, as the registry has it", "恢复后不含该层，与镜像仓库中的一致"),
    ("the layer is said to be at {}; push it to the registry to have it backed up", "该层据称位于 {}；将其推送到镜像仓库即可备份"),
    ("push the layer to the registry to have it backed up", "将该层推送到镜像仓库即可备份"),
    ("{} needs the layer {}, which the registry did not have: it is said to be at {}", "{} 需要层 {}，而镜像仓库中没有：据称位于 {}"),
    ("{} needs the layer {}, which the registry did not have: no address is known", "{} 需要层 {}，而镜像仓库中没有：没有已知地址"),
    ("{} more layers are needed that the registry did not have", "另需 {} 个镜像仓库中没有的层"),
    // Locks.
    ("looking at locks", "检查锁定"),
    ("its lock was extended", "锁定已延长"),
    ("an older version in the same bucket", "同一存储桶中的旧版本"),
    ("locked until {}", "锁定至 {}"),
    ("snapshots are kept for longer than the {} days for which the vault locks them", "快照的保留期长于保管库锁定的 {} 天"),
    ("give a number of days from 1 to 3,650, or 0 for no lock", "请填写 1 至 3650 天，0 表示不锁定"),
    ("choose governance or compliance", "请选择治理或合规"),
    (
        "this bucket does not lock objects; make one with object lock, or give 0 days",
        "此存储桶不支持锁定：请创建启用对象锁定的存储桶，或填写 0 天",
    ),
    ("this bucket does not lock what it is told to: {}", "此存储桶未按要求锁定：{}"),
    ("the vault locks what it stores, and this server, or this key, does not", "保管库需要锁定所存内容，而此服务器或密钥做不到"),
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
    ("look what a sweep of {} would free", "查看清理 {} 可释放的空间"),
    ("copy what {} made to {}", "将 {} 的快照复制到 {}"),
    ("{} is full in about {} days", "{} 约 {} 天后写满"),
    ("{}: {} ends in {} days", "{}：{} 将于 {} 天后到期"),
    ("{}: {} has ended", "{}：{} 已到期"),
    ("{} at {}", "{}，{}"),
    ("{} snapshots could not be copied; the first: {}", "{} 个快照未能复制；首个原因：{}"),
    ("the plan's own vault cannot also have the copies; choose another", "计划自身的保管库不能同时存放副本，请另选"),
    ("at most {} further vaults", "最多 {} 个其他保管库"),
    ("finishing what retention let go", "完成保留规则的清理"),
    ("marking what the snapshots need", "标记快照所需内容"),
    // Why a snapshot is kept.
    ("everything is kept", "全部保留"),
    ("held, asked for, or of a time that the harbor lost", "已锁定、有恢复申请，或属于 Harbor 丢失的时段"),
    ("newest good", "最新完好"),
    ("newest without a gap", "最新无缺口"),
    ("dated in the future", "时间在未来"),
    ("among the newest", "属于最近若干个"),
    ("hour {}", "小时 {}"),
    ("day {}", "日 {}"),
    ("week {}", "周 {}"),
    ("month {}", "月 {}"),
    ("year {}", "年 {}"),
    ("oldest, until there is a {} for each place", "最早的一个，直到规则填满"),
    ("within {} days", "{} 天以内"),
    ("listing projects", "列出项目"),
    ("looking at Harbor again", "再次核对 Harbor"),
    ("writing to Harbor", "写入 Harbor"),
    ("reading objects", "读取对象"),
    ("looking who needs what is damaged", "查找依赖损坏对象的快照"),
    ("healing", "修复"),
    ("walking every snapshot", "检查所有快照"),
    // Effects of a restore.
    ("it is the same already", "已经相同"),
    ("Harbor lists it and cannot give all of it back: what is missing is sent again", "Harbor 列出该镜像但无法完整提供：补发缺失部分"),
    (
        "Harbor has other bytes for {}, and takes none in their place; delete every image that has this part in Harbor, let it collect its garbage, then restore again",
        "Harbor 中 {} 的内容已损坏且不接受替换；请在 Harbor 中删除包含该部分的所有镜像并执行垃圾回收，然后重新恢复",
    ),
    ("it points to another image now, and that is left as it is", "现指向其他镜像，保持不变"),
    ("today's image keeps the tag {}", "现有镜像保留为 Tag {}"),
    ("Harbor will show the moment of the restore as push time, and no pull", "Harbor 将以恢复时间作为推送时间，且无拉取记录"),
    (
        "Harbor still has the bytes of these images; after its next garbage collection they would have to be sent",
        "Harbor 仍保有这些镜像的数据；下次垃圾回收后则需重新发送",
    ),
    ("signatures and SBOMs do not come along", "不包含签名与 SBOM"),
    (
        "{} images come back without a tag: the next garbage collection that deletes untagged artifacts removes them; give them a tag that keeps them",
        "{} 个镜像恢复后没有 Tag：下次清理无 Tag 镜像的垃圾回收会将其删除；请为其指定 Tag",
    ),
    ("{} blobs were not looked up: what Harbor still has of them need not be sent", "{} 个 blob 未查询：Harbor 仍保有的无需发送"),
    (
        "because of this restore the retention policy ({}), which runs {}, deletes {} tags or images that are in Harbor now: {}",
        "由于此次恢复，Tag 保留策略（{}，运行于 {}）将删除 Harbor 中现有的 {} 个 Tag 或镜像：{}",
    ),
    (
        "the retention policy ({}), which runs {}, deletes {} of the restored tags or images again: {}",
        "Tag 保留策略（{}，运行于 {}）将再次删除恢复内容中的 {} 个 Tag 或镜像：{}",
    ),
    (
        "the retention policy ({}), which runs {}, deletes none of the restored images on its next run, and no other because of them",
        "Tag 保留策略（{}，运行于 {}）下次运行不会删除恢复的镜像，也不会因此删除其他镜像",
    ),
    (
        "the project has a retention policy ({}) that runs {}, and what it would delete cannot be told here: {}; make a dry run of it in Harbor",
        "该项目有 Tag 保留策略（{}，运行于 {}），此处无法判断其删除内容：{}；请在 Harbor 中模拟运行",
    ),
    (
        "what the retention policy ({}) deletes next was not looked at in {} repositories",
        "Tag 保留策略（{}）下次在 {} 个仓库中的删除内容未查看",
    ),
    ("{} is made anew; which settings it had cannot be read", "将重新建立 {}；无法读取其原有设置"),
    ("{} is made anew; its settings were not captured", "将重新建立 {}；其设置未被备份"),
    ("{} is made anew, public; it will lack what the snapshot has of: {}", "将重新建立 {}（公开）；将缺少快照中的以下设置：{}"),
    ("{} is made anew, private; it will lack what the snapshot has of: {}", "将重新建立 {}（私有）；将缺少快照中的以下设置：{}"),
    (
        "{} is made anew, public, with Harbor's own settings; the snapshot has no others",
        "将重新建立 {}（公开），使用 Harbor 默认设置；快照中无其他设置",
    ),
    (
        "{} is made anew, private, with Harbor's own settings; the snapshot has no others",
        "将重新建立 {}（私有），使用 Harbor 默认设置；快照中无其他设置",
    ),
    // Undo.
    (
        "the restore made this tag and it stays; delete it in Harbor if it is not wanted",
        "该 Tag 由恢复创建并保留；如不需要请在 Harbor 中删除",
    ),
    (
        "it pointed to {}, and Harbor has removed that image; it was never captured, so nothing can bring it back",
        "原先指向 {}，Harbor 已删除该镜像；该镜像从未备份，无法恢复",
    ),
    (
        "it pointed to {}, and Harbor has removed that image; a snapshot of {} in another vault has it: restore {} from there",
        "原先指向 {}，Harbor 已删除该镜像；另一保管库中 {} 的快照含有它：请从那里恢复 {}",
    ),
    ("this restore moved no tag; what it created can be deleted in Harbor", "此次恢复未移动任何 Tag；其创建的内容可在 Harbor 中删除"),
    ("this restore still writes; stop it or wait for its end", "此次恢复仍在写入；请停止或等待结束"),
    ("this restore wrote nothing", "此次恢复未写入任何内容"),
    (
        "no snapshot of the project is kept any more, and a restore needs its vault; back the project up once, then undo",
        "该项目已无保留的快照，而恢复需要其保管库；请先备份一次再撤销",
    ),
    ("the snapshot has {} gaps: what could not be read then cannot come back", "该快照有 {} 处缺口：当时未能读取的内容无法恢复"),
    // Whose move it is.
    ("Its author has to send it off.", "等待申请人提交。"),
    ("Waits for {} or {} more to decide: {} of {} approvals.", "等待 {} 或另外 {} 人审批：{} / {}。"),
    ("Waits for {} to decide: {} of {} approvals.", "等待 {} 审批：{} / {}。"),
    (
        "The approved plan was made by an earlier version of this program and was made anew, so earlier approvals no longer count. Waits for {} to decide again.",
        "已批准的方案由本程序的旧版本生成，现已重新生成，原审批失效。等待 {} 重新审批。",
    ),
    (
        "Harbor changed since approval, so earlier approvals no longer count. Waits for {} to decide again.",
        "审批后 Harbor 内容已变化，原审批失效。等待 {} 重新审批。",
    ),
    ("Approved. A worker takes it up at once.", "已批准，即将执行。"),
    ("Writes to Harbor and reads every image back.", "正在写入 Harbor 并逐一回读镜像。"),
    ("Done: everything was read back from Harbor.", "已完成：全部内容已从 Harbor 回读校验。"),
    (
        "Not all of it was restored. Look at the lines that failed, are blocked or were not begun.",
        "未全部恢复，请查看失败、受阻或未执行的行。",
    ),
    ("Nothing more happens by itself. Look at the reason and ask again.", "不会自动继续，请查看原因后重新申请。"),
    ("Stopped. What was written before stays and is listed.", "已停止，此前写入的内容保留并已列出。"),
    ("Refused. It can be asked for again with another reason or plan.", "已拒绝，可更换原因或方案后重新申请。"),
    ("Nobody decided in time. It can be asked for again.", "未在期限内审批，可重新申请。"),
    ("Taken back by its author.", "申请人已撤回。"),
    // Gaps, holds, snapshots of deleted plans.
    ("say why, in 10 to 500 characters", "请说明原因，10 至 500 字"),
    ("say until when; at most a year", "请填写期限，最长一年"),
    ("give a day like 2026-12-31, or a moment", "请填写日期（如 2026-12-31）或时间点"),
    ("this is over already; give a day to come", "该日期已过，请填写将来的日期"),
    ("this is too far away: at most {} days", "过远：最多 {} 天"),
    ("this snapshot has no such gap", "该快照没有此缺口"),
    (
        "these are not named one by one, so nobody can accept them; look after those that are named",
        "这些缺口未逐一列出，无法接受；请先处理已列出的各项",
    ),
    (
        "nothing is open here: it is accepted already; withdraw that first to give it another end",
        "此处没有未处理的缺口：已被接受；如需更改期限请先撤回",
    ),
    ("say what becomes of its snapshots: kept, rule or plan", "请选择如何处理其快照"),
    ("name the account that answers for keeping them", "请填写负责保留的账号"),
    ("choose another plan of the same Harbor", "请选择同一 Harbor 的另一计划"),
    ("use at most {} characters: the line that names the image is enough", "最多 {} 个字符：只需提及镜像的那一行"),
    // Rules of approval.
    ("No approval needed: nothing is written.", "无需审批：不写入任何内容。"),
    (
        "Risk {}: it only adds what is missing. Needs {} from approvers of {}; nobody approves their own request.",
        "风险 {0}：仅补回缺失内容。需要 {2} 的审批人审批；申请人不能审批自己的申请。",
    ),
    (
        "Risk {}: it writes to another project. Needs {} from approvers of {}; nobody approves their own request.",
        "风险 {0}：写入其他项目。需要 {2} 的审批人审批；申请人不能审批自己的申请。",
    ),
    (
        "Risk {}: it moves an existing tag. Needs {} from approvers of {}; nobody approves their own request.",
        "风险 {0}：移动现有 Tag。需要 {2} 的审批人审批；申请人不能审批自己的申请。",
    ),
    (
        "Risk {}: it is a whole project, many tags or something immutable. Needs {} from approvers of {}; nobody approves their own request.",
        "风险 {0}：涉及整个项目、大量 Tag 或不可变内容。需要 {2} 的审批人审批；申请人不能审批自己的申请。",
    ),
    ("nobody decides on a request of their own", "申请人不能审批自己的申请"),
    ("this needs the role approver or owner on {}", "需要 {} 的审批人或所有者角色"),
    ("you have voted already", "您已审批"),
    // Schedules.
    ("every hour at minute {}, {}", "每小时第 {} 分，{}"),
    ("every {} minutes, {}", "每 {} 分钟，{}"),
    ("every {} hours at minute {}, {}", "每 {} 小时第 {} 分，{}"),
    ("every day at {}, {}", "每天 {}，{}"),
    ("at {} on day of week {}, {}", "每周 {1} 的 {0}，{2}"),
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
    // Events of a timeline.
    ("#{} restored in part", "#{} 部分恢复"),
    ("#{} restored", "#{} 已恢复"),
    ("{} failed", "{} 失败"),
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
    ("read the audit history, more than {} events matched", "查看审计记录，匹配超过 {} 条"),
    ("read the audit history, {} events matched", "查看审计记录，匹配 {} 条"),
    (
        "this search reads too much of the history; name a time, a person or an action too",
        "此查询需读取的记录过多；请同时指定时间、人员或动作",
    ),
    (
        "you have several of these going on already; wait until one has ended, then try again",
        "您已有多个同类操作正在进行；请等待其中之一结束后重试",
    ),
    (
        "{} of your requests are open; wait for some of them to end, or take some back",
        "您有 {} 个进行中的申请；请等待部分结束，或撤回部分申请",
    ),
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
    ("it is on already; switch it off first to make it anew", "已启用；如需重建，请先关闭"),
    (
        "give an administrator's login, which is used once, or a project and a login made by hand: the login for backup only reads",
        "请提供仅使用一次的管理员登录，或手动创建的项目与登录：备份登录只读",
    ),
    (
        "reading what a policy blocks needs a login of its own: give one with its project, or an administrator's login to make both",
        "读取被策略拦截的镜像需要单独的登录：请连同项目一起填写，或提供管理员登录以创建两者",
    ),
    ("this login may not make projects and robots; use an administrator's", "该登录无权创建项目与机器人，请使用管理员登录"),
    ("give the secret of the login for staging", "请填写暂存登录的密钥"),
    ("give the project made for this, which is called {}…", "请填写为此创建的项目，其名称以 {} 开头"),
    (
        "{} holds {} and perhaps more, which Breakwater did not put there: give an empty project",
        "{} 中有 {} 等非 Breakwater 内容：请提供空项目",
    ),
    (
        "the staging project {} from before is still there; remove it in Harbor, or give an administrator's login",
        "此前的暂存项目 {} 仍在：请在 Harbor 中删除，或提供管理员登录",
    ),
    (
        "switch reading through a staging project off first: its login is never sent to another address",
        "请先关闭通过暂存项目读取：其登录绝不会发送到其他地址",
    ),
    ("projects of this name are for staging; choose another", "此名称的项目用于暂存，请另选"),
    // What the database did not say, and requests that were made twice.
    (
        "the database did not say whether this was done; look, or ask again with the same Idempotency-Key, which does nothing twice",
        "数据库未确认是否已完成；请先查看，或用相同的 Idempotency-Key 重新提交（不会重复执行）",
    ),
    ("the database is not available at this moment; nothing was changed, try again", "数据库暂时不可用；未作任何更改，请重试"),
    ("the same request was made at the same time and is done; nothing was done again", "相同请求已同时提交并完成，未重复执行"),
    ("this Idempotency-Key was given to another request; give each its own", "该 Idempotency-Key 已用于其他请求，请每个请求使用各自的键"),
    ("the Harbor does not answer; what was not written yet waits for it", "Harbor 无响应；尚未写入的内容将等待其恢复"),
    // Refusals that forms meet often.
    ("say why, in 10 to 2,000 characters", "请用 10 至 2,000 字说明原因"),
    ("say why, in 3 to 500 characters", "请用 3 至 500 字说明原因"),
    ("say why, in ten characters or more", "请用至少 10 个字说明原因"),
    ("say why you refuse", "请说明拒绝的原因"),
    ("type {} to confirm", "请输入 {} 以确认"),
    ("check the form", "请检查表单"),
    ("give the plan a name of 1 to 100 characters", "计划名称为 1 至 100 个字符"),
    ("there is a plan of this name", "已有同名计划"),
    ("there is a vault of this name", "已有同名保管库"),
    ("name at least one project, or * for all", "至少填写一个项目，或用 * 表示全部"),
    ("the target is 1 hour to a year", "目标为 1 小时至 1 年"),
    ("this is not a time zone of the IANA database, such as Asia/Shanghai", "不是 IANA 时区名，例如 Asia/Shanghai"),
    ("this schedule never runs", "该时间表不会触发任何运行"),
    (
        "write five fields: minute, hour, day of month, month, day of week, such as 0 3 * * *",
        "请填写五个字段：分、时、日、月、星期，例如 0 3 * * *",
    ),
    ("give an absolute folder, such as /srv/breakwater/vault", "请填写绝对路径，例如 /srv/breakwater/vault"),
    ("somebody has this sign-in name already", "该用户名已存在"),
    ("this is not your password", "当前密码不正确"),
    ("nobody is both {} and {}: the three duties are three different people", "同一人不得兼任 {} 与 {}：三员须由三人分任"),
    ("nobody is both {} and {} of a project: give one of the two to somebody else", "同一人不得既是 {} 又是项目 {}：请将其中之一交给他人"),
    ("at most {} networks", "最多 {} 个网络"),
    (
        "“{}” is no network; write it as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
        "“{}”不是网络，请写作 10.0.0.0/8、192.0.2.7 或 2001:db8::/32",
    ),
    (
        "“{}” is no project you have a role on; write harbor/project or harbor/*, one a line",
        "您在“{}”上没有角色；请每行写一个 harbor/项目 或 harbor/*",
    ),
    ("ended session {} of {}", "结束了 {1} 的会话 {0}"),
    ("ended {} sessions of {}", "结束了 {1} 的 {0} 个会话"),
    ("ended the token “{}” of {}", "撤销了 {1} 的令牌“{0}”"),
    ("the set-up is over: three people hold the three duties", "初始设置完成：三员已由三人分任"),
    ("the set-up is over: three people hold the three duties; {}", "初始设置完成：三员已由三人分任；{}"),
    ("no plan has this project; an operator adds it to one", "没有备份计划包含该项目，请由系统管理员加入"),
    ("there is no such {}, or it is not visible to you", "不存在，或您无权查看"),
    ("this restore would change nothing in Harbor", "该恢复不会改变 Harbor 中的任何内容"),
    ("this request moved on since you opened it; look at it again", "申请在您打开后已有变化，请重新查看"),
    // Last, since it fits much.
    ("the vault {}", "保管库 {}"),
    // Refusals of forms and calls, and what people asked for.
    ("sign in to go on", "请登录后继续"),
    (
        "use 2 to 64 lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit",
        "请使用 2 至 64 个小写字母、数字、点、短横线或下划线，以字母或数字开头",
    ),
    ("“{}”: there is no harbor named {}", "“{}”：没有名为 {} 的 Harbor"),
    (
        "“{}” is not like: requester prod/payments, approver prod/* or viewer *",
        "“{}”的写法不对，应如：requester prod/payments、approver prod/* 或 viewer *",
    ),
    ("switched off the account {}", "停用账号 {}"),
    ("switched on the account {}", "启用账号 {}"),
    ("a token cannot change a password", "令牌不能修改密码"),
    ("nobody changes their own rights; ask another security administrator", "任何人不能更改自己的权限，请联系另一位安全管理员"),
    ("use at least {} characters; 15 or more are better", "至少 {} 个字符，建议 15 个以上"),
    ("use at most {} characters", "最多 {} 个字符"),
    ("this password is one of the first anybody would try; choose another", "此密码极易被猜到，请另选"),
    ("too many people are signing in at this moment; try again in a few seconds", "当前登录人数过多，请数秒后重试"),
    ("say in 1 to 64 characters what the token is for", "请用 1 至 64 个字符说明令牌用途"),
    ("a token lives 1 to {} days", "令牌有效期为 1 至 {} 天"),
    ("made the {} token “{}” of {} for {} days", "创建 {} 令牌“{}”，所有者 {}，有效 {} 天"),
    ("ended the token “{}”", "停用令牌“{}”"),
    ("write a time as 2026-11-23 or 2026-11-23T09:30:00Z", "时间请写作 2026-11-23 或 2026-11-23T09:30:00Z"),
    ("something went wrong; quote the request id to your operator", "出现错误，请将请求编号告知运维人员"),
    ("write {} like 08:00-18:00 20 MiB/s", "{} 的写法应如 08:00-18:00 20 MiB/s"),
    ("a cap is 64 KiB/s to 100 Gbit/s", "限速范围为 64 KiB/s 至 100 Gbit/s"),
    ("{} has no login for staging", "{} 没有暂存登录"),
    ("a harbor of this name is registered already", "已登记同名 Harbor"),
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
    ("this name belonged to a harbor with another address; choose another name", "此名称曾属于另一地址的 Harbor，请另选"),
    (
        "use 1 to 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit",
        "请使用 1 至 63 个小写字母、数字或短横线，首尾为字母或数字",
    ),
    ("this is too long for a certificate", "作为证书过长"),
    ("give a login for backup, or an administrator's login to make one", "请填写备份登录，或用于创建备份登录的管理员登录"),
    ("this is too long for a secret", "作为密钥过长"),
    ("give the secret of the backup login", "请填写备份登录的密钥"),
    ("give the secret of the restore login", "请填写恢复登录的密钥"),
    ("a new address needs the secrets again, so that no old one is sent to it", "更换地址须重新填写密钥，以免旧密钥被发往新地址"),
    ("give the secret of this login", "请填写此登录的密钥"),
    ("the harbor refuses this administrator's login; nothing was made", "Harbor 拒绝此管理员登录；未创建任何内容"),
    ("this login may not make system robots; use an administrator's", "此登录无权创建系统机器人账号，请使用管理员登录"),
    ("this request came from another site and was refused; reload the page and try again", "此请求来自其他站点，已拒绝；请刷新页面重试"),
    ("the token is unknown, revoked or over", "令牌不存在、已吊销或已过期"),
    ("an Idempotency-Key is 1 to {} printable characters", "Idempotency-Key 为 1 至 {} 个可打印字符"),
    ("the job is over already", "任务已结束"),
    ("asked job {} to stop: {}", "请求停止任务 {}：{}"),
    ("a newer job does the same already", "已有更新的任务在做同一件事"),
    ("only a job that failed can be repeated", "只能重做失败的任务"),
    ("queued job {} again: {}", "重新排队任务 {}：{}"),
    ("the pause of the plan {} is over", "计划 {} 的暂停已结束"),
    ("everything is listed anew each 1 to {} hours", "全量列举间隔为 1 至 {} 小时"),
    ("each figure of the retention rule is 0 to {}, of days 0 to {}", "保留数值范围为 0 至 {}，天数为 0 至 {}"),
    ("choose a registered harbor", "请选择已登记的 Harbor"),
    ("runs would be {} apart; at least {} is needed", "运行间隔为 {}，至少需要 {}"),
    ("choose a vault", "请选择保管库"),
    ("there is no such vault", "没有此保管库"),
    ("a plan stays with its harbor; make another plan", "计划不能更换 Harbor，请另建计划"),
    ("a pause is 1 to {} days", "暂停时间为 1 至 {} 天"),
    ("a run of this plan is going on; stop it or wait for its end", "此计划正在运行，请停止或等待结束"),
    ("asked for a backup of {}/{}", "请求备份 {}/{}"),
    ("not a page of this list", "此列表没有该页"),
    ("a run of {} was stopped", "{} 的一次运行被停止"),
    ("this schedule cannot be read: {}", "无法解析时间表：{}"),
    ("at most {} lines", "最多 {} 行"),
    ("“{}” is not a pattern; use names with * and ?", "“{}”不是有效模式，请使用含 * 与 ? 的名称"),
    ("these patterns are too many or too long", "模式过多或过长"),
    ("a digest is sha256: and 64 hexadecimal digits", "摘要为 sha256: 加 64 位十六进制数字"),
    ("use at most 256 characters", "最多 256 个字符"),
    ("there is no such snapshot", "没有此快照"),
    ("this is not a repository name", "不是有效的仓库名称"),
    ("this is not a tag", "不是有效的 Tag"),
    ("nothing was captured at or before this moment", "此时刻及之前没有任何快照"),
    ("this was sent off already; its page shows where it stands", "已提交，请在其页面查看进展"),
    ("choose what happened", "请选择发生了什么"),
    ("use at most 100 characters", "最多 100 个字符"),
    ("the draft was changed in another tab; look at it again", "草稿已在另一标签页中修改，请重新查看"),
    ("asked for restore #{}: {}", "提交恢复申请 #{}：{}"),
    (
        "the plan of restore #{} was made by an earlier version of this program, so its votes lapsed",
        "恢复 #{} 的方案由本程序的旧版本生成，投票失效",
    ),
    ("Harbor changed, so the votes on restore #{} lapsed", "Harbor 已变化，恢复 #{} 的投票失效"),
    ("this is not a project name", "不是有效的项目名称"),
    ("a project name has lower-case letters, digits, dots, dashes and underscores", "项目名称由小写字母、数字、点、短横线和下划线组成"),
    ("write the moment as 2026-11-23T09:30:00Z", "时刻请写作 2026-11-23T09:30:00Z"),
    ("one request names at most {} items; split it", "一次申请最多 {} 项，请拆分"),
    (
        "“{}” is not like repository:tag, repository@sha256:… or repository",
        "“{}”的写法不对，应如 repository:tag、repository@sha256:… 或 repository",
    ),
    ("{} is not in the project {}", "{} 不在项目 {} 中"),
    ("nothing of this request failed", "此申请没有失败项"),
    ("this restore wrote nothing", "此次恢复未写入任何内容"),
    ("this restore moved no tag; what it created can be deleted in Harbor", "此次恢复未移动任何 Tag；新建的内容可在 Harbor 中删除"),
    ("approve or deny", "请选择批准或拒绝"),
    ("use at most 2,000 characters", "最多 2000 个字符"),
    ("was not allowed to vote on restore #{}", "无权对恢复 #{} 投票"),
    ("the time to decide is over", "审批时间已过"),
    ("at this risk an approval needs a comment", "此风险等级的批准须填写说明"),
    ("only its author takes a request back", "只有申请人可撤回申请"),
    ("asked restore #{} to stop", "请求停止恢复 #{}"),
    ("restore #{} expired: nobody decided in time", "恢复 #{} 已过期：无人及时审批"),
    ("sessions are not available at this moment; try again", "会话暂不可用，请重试"),
    ("a field holds a character that cannot be stored; remove it and try again", "字段中含有无法存储的字符；请删除后重试"),
    (
        "a value cannot be stored as it is: it is too long, too large or of another kind than is expected",
        "某个值无法存储：过长、过大或类型不符",
    ),
    ("the request came too slowly; try again on a better line", "请求传输过慢，请在网络较好时重试"),
    ("this is too long to be a password", "作为密码过长"),
    ("sign-in name and password do not belong together", "登录名与密码不匹配"),
    ("a token has no session to end", "令牌没有可结束的会话"),
    ("the set-up is done; sign in", "初始设置已完成，请登录"),
    ("this is not the token the server printed last", "不是服务器最近打印的令牌"),
    ("this is not a time zone of the IANA database", "不是 IANA 数据库中的时区"),
    ("a new address needs the secret again, so that the old one is not sent to it", "更换地址须重新填写密钥，以免旧密钥被发往新地址"),
    ("give the secret of this key", "请填写此访问密钥的私密部分"),
    ("changed the bucket of the vault {}", "更改保管库 {} 的存储桶"),
    ("tested the bucket of the vault {}", "测试保管库 {} 的存储桶"),
    ("healed a lost object: taken from {}", "修复丢失的对象：取自 {}"),
    ("this vault is in a folder, not in a bucket", "此保管库在目录中，而非存储桶"),
    ("a lock is too short: {}", "锁定时间不足：{}"),
    ("brought a pointer back from an older version in the same bucket", "由同一存储桶中的旧版本恢复一个指针"),
    ("opened the vault {} for writing", "开放保管库 {} 的写入"),
    ("give a number from 1 to 365", "请填写 1 至 365"),
    ("give a number from 1 to 100,000, or nothing for no limit", "请填写 1 至 100000，留空表示不限"),
    ("use 1 to 63 lower-case letters, digits and dashes", "请使用 1 至 63 个小写字母、数字或短横线"),
    ("choose a folder or a bucket", "请选择目录或存储桶"),
    ("this place is a vault of this installation already", "此位置已是本安装的保管库"),
    ("this vault is registered already, under another place", "此保管库已以另一位置登记"),
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
        assert_eq!(zh("nightly backs up prod").as_deref(), Some("nightly 备份 prod"));
        assert_eq!(zh("back up shop of prod").as_deref(), Some("备份 prod 的 shop"));
        assert_eq!(
            zh("the retention policy (latestPushedK 3), which runs when somebody starts it, deletes 1 of the restored tags or images again: a:1").as_deref(),
            Some("Tag 保留策略（latestPushedK 3，运行于 when somebody starts it）将再次删除恢复内容中的 1 个 Tag 或镜像：a:1")
        );
        assert_eq!(zh("Waits for Lee or 2 more to decide: 0 of 1 approvals.").as_deref(), Some("等待 Lee 或另外 2 人审批：0 / 1。"));
        assert_eq!(
            zh("Risk 1: it only adds what is missing. Needs 1 approval from approvers of shop; nobody approves their own request.")
                .as_deref(),
            Some("风险 1：仅补回缺失内容。需要 shop 的审批人审批；申请人不能审批自己的申请。")
        );
        assert_eq!(zh("every hour at minute 0, UTC").as_deref(), Some("每小时第 0 分，UTC"), "and not as “something at something”");
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
