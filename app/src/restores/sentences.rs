//! What is said of a restore before anything is written: warnings, why a line is left or cannot be done, the rule of approval.

use crate::sentence::{en, sentences, zh};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::units::{Moment, bytes, count, listed, some};

sentences! {
    /// When a retention policy of Harbor runs.
    pub enum When {
        /// Nobody set a time.
        ByHand => ("when somebody starts it"), ("有人启动时");
        /// By a schedule of its own.
        Schedule {
            /// As Harbor has it.
            cron: String,
        } => ("on the schedule {cron}"), ("按时间表 {cron}");
    }

    /// Why it cannot be told what a retention policy would delete.
    pub enum Unclear {
        /// A template of rules.
        Template {
            /// Its name.
            template: String,
        } => ("the template “{template}” is not known here"), ("此处不了解模板“{template}”");
        /// A rule without its number.
        Figure {
            /// The rule.
            rule: String,
        } => ("the rule {rule} lacks its figure"), ("规则 {rule} 缺少数值");
        /// What a rule does.
        Action {
            /// Its name.
            action: String,
        } => ("the action “{action}” is not known here"), ("此处不了解动作“{action}”");
        /// A pattern.
        Pattern {
            /// It.
            pattern: String,
        } => ("the pattern “{pattern}” cannot be understood here"), ("此处无法理解模式“{pattern}”");
    }

    /// Something that a project made anew will lack.
    pub enum Lacking {
        /// Settings of the project.
        Settings {
            /// Their names in Harbor.
            names: Vec<String>,
        } => ("project settings ({})", names.join(", ")), ("项目设置（{}）", listed(ZhCn, names));
        /// CVEs that are allowed.
        CveAllowList {
            /// How many.
            entries: i64,
        } => ("the CVE allow-list ({})", count(*entries)), ("漏洞白名单（{}）", count(*entries));
        /// The quota.
        Quota => ("the quota"), ("配额");
        /// Labels of the project.
        Labels {
            /// How many.
            rows: i64,
        } => ("labels ({})", count(*rows)), ("标签（{}）", count(*rows));
        /// Members.
        Members {
            /// How many.
            rows: i64,
        } => ("members ({})", count(*rows)), ("成员（{}）", count(*rows));
        /// Robots.
        Robots {
            /// How many.
            rows: i64,
        } => ("robots, whose secrets change ({})", count(*rows)), ("机器人账号，其密钥将改变（{}）", count(*rows));
        /// Immutable rules.
        ImmutableRules {
            /// How many.
            rows: i64,
        } => ("immutable rules ({})", count(*rows)), ("不可变规则（{}）", count(*rows));
        /// Webhooks.
        Webhooks {
            /// How many.
            rows: i64,
        } => ("webhooks ({})", count(*rows)), ("通知钩子（{}）", count(*rows));
        /// Preheat policies.
        Preheat {
            /// How many.
            rows: i64,
        } => ("preheat policies ({})", count(*rows)), ("预热策略（{}）", count(*rows));
        /// The retention policy.
        Retention => ("the retention policy"), ("Tag 保留策略");
        /// The scanner.
        Scanner => ("the choice of a scanner"), ("扫描器的选择");
        /// Descriptions.
        Descriptions {
            /// Of how many repositories.
            repositories: i64,
        } => ("descriptions of repositories ({})", count(*repositories)), ("仓库描述（{}）", count(*repositories));
        /// Labels on images.
        ImageLabels {
            /// On how many.
            images: i64,
        } => ("labels on images ({})", count(*images)), ("镜像上的标签（{}）", count(*images));
    }

    /// Something to know before deciding.
    pub enum Warning {
        /// The snapshot has gaps.
        SnapshotGaps {
            /// How many.
            gaps: i64,
        } => ("the snapshot has {}: what could not be read then cannot come back", some(*gaps, "gap", "gaps")), ("该快照有 {} 处缺口：当时未能读取的内容无法恢复", count(*gaps));
        /// Times of pushes.
        PushTimeNow => ("Harbor will show the moment of the restore as push time, and no pull"), ("Harbor 将以恢复时间作为推送时间，且无拉取记录");
        /// No accessories.
        AccessoriesLeft => ("signatures and SBOMs do not come along"), ("不包含签名与 SBOM");
        /// Nothing to send.
        BytesStillThere => ("Harbor still has the bytes of these images; after its next garbage collection they would have to be sent"),
            ("Harbor 仍保有这些镜像的数据；下次垃圾回收后则需重新发送");
        /// Not all was looked up.
        BytesUnknown {
            /// How many blobs.
            blobs: i64,
        } => ("{} not looked up: what Harbor still has of them need not be sent", some(*blobs, "blob was", "blobs were")), ("{} 个数据块未查询：Harbor 仍保有的无需发送", count(*blobs));
        /// Without a tag.
        Untagged {
            /// How many images.
            images: i64,
        } => ("{} back without a tag: the next garbage collection that deletes untagged artifacts removes them; give them a tag that keeps them", some(*images, "image comes", "images come")),
            ("{} 个镜像恢复后没有 Tag：下次清理无 Tag 镜像的垃圾回收会将其删除；请为其指定 Tag", count(*images));
        /// Tags that are fixed afterwards.
        BecomesImmutable {
            /// How many.
            tags: i64,
        } => ("{} an immutable rule: what it matches cannot be moved or deleted afterwards", some(*tags, "of the restored tags matches", "of the restored tags match")),
            ("恢复的 Tag 中有 {} 个符合不可变规则：此后无法移动或删除", count(*tags));
        /// Rules that could not be read.
        RulesUnknown => ("the immutable rules of the project could not be read; Harbor may refuse to move a tag"), ("无法读取项目的不可变规则；Harbor 可能拒绝移动 Tag");
        /// A right that could not be asked for.
        RightUnknown => ("whether the restore login may push there could not be asked"), ("无法确认恢复登录能否推送到该处");
        /// A quota that may not do.
        QuotaTight {
            /// What is left, bytes.
            free_bytes: i64,
            /// What the images count at most, bytes.
            most_bytes: i64,
        } => ("the project has {} of quota left, and the restored images count up to {}", bytes(*free_bytes), bytes(*most_bytes)),
            ("项目配额剩余 {}，恢复的镜像最多占用 {}", bytes(*free_bytes), bytes(*most_bytes));
        /// Vulnerable images are kept from being pulled.
        PreventVul => ("a policy of the project keeps the restored images from being pulled until they are scanned"), ("项目策略在扫描之前禁止拉取恢复的镜像");
        /// Unsigned images are (Notary).
        EnableContentTrust => ("a policy of the project keeps the restored images from being pulled until they are signed"), ("项目策略在签名之前禁止拉取恢复的镜像");
        /// Unsigned images are (cosign).
        EnableContentTrustCosign => ("a policy of the project keeps the restored images from being pulled until they are signed by cosign"),
            ("项目策略在以 cosign 签名之前禁止拉取恢复的镜像");
        /// A scan for each push.
        AutoScan => ("the project scans each image when it is pushed: the restore starts one scan per image"), ("项目在推送时自动扫描：恢复会为每个镜像启动一次扫描");
        /// Nobody knows in which order the images were pushed.
        OrderUnknown => ("the snapshot does not say when its images were pushed: they come back in the order of their digests, and a retention policy that keeps the latest may keep others than before"),
            ("快照未记录镜像的推送时间：将按摘要顺序恢复，保留最新镜像的策略可能因此保留与之前不同的镜像");
        /// What retention would delete cannot be told.
        RetentionUnclear {
            /// Its rules.
            rules: Vec<String>,
            /// When it runs.
            when: When,
            /// Why not.
            why: Unclear,
        } => ("the project has a retention policy ({}) that runs {}, and what it would delete cannot be told here: {}; make a dry run of it in Harbor", rules.join(", "), en(when), en(why)),
            ("该项目有 Tag 保留策略（{}，运行于 {}），此处无法判断其删除内容：{}；请在 Harbor 中模拟运行", listed(ZhCn, rules), zh(when), zh(why));
        /// Retention deletes what is there.
        RetentionTakesLive {
            /// Its rules.
            rules: Vec<String>,
            /// When it runs.
            when: When,
            /// How many.
            takes: i64,
            /// The first of them.
            names: Vec<String>,
        } => ("because of this restore the retention policy ({}), which runs {}, deletes {} that are in Harbor now: {}", rules.join(", "), en(when), some(*takes, "tag or image", "tags or images"), few(En, names, rest(names, *takes))),
            ("由于此次恢复，Tag 保留策略（{}，运行于 {}）将删除 Harbor 中现有的 {} 个 Tag 或镜像：{}", listed(ZhCn, rules), zh(when), count(*takes), few(ZhCn, names, rest(names, *takes)));
        /// Retention deletes what is restored.
        RetentionTakesRestored {
            /// Its rules.
            rules: Vec<String>,
            /// When it runs.
            when: When,
            /// How many.
            takes: i64,
            /// The first of them.
            names: Vec<String>,
        } => ("the retention policy ({}), which runs {}, deletes {} of the restored tags or images again: {}", rules.join(", "), en(when), count(*takes), few(En, names, rest(names, *takes))),
            ("Tag 保留策略（{}，运行于 {}）将再次删除恢复内容中的 {} 个 Tag 或镜像：{}", listed(ZhCn, rules), zh(when), count(*takes), few(ZhCn, names, rest(names, *takes)));
        /// Not all was looked at.
        RetentionNotLooked {
            /// Its rules.
            rules: Vec<String>,
            /// In how many repositories not.
            repositories: i64,
        } => ("what the retention policy ({}) deletes next was not looked at in {}", rules.join(", "), some(*repositories, "repository", "repositories")),
            ("Tag 保留策略（{}）下次在 {} 个仓库中的删除内容未查看", listed(ZhCn, rules), count(*repositories));
        /// Retention deletes nothing of it.
        RetentionSpares {
            /// Its rules.
            rules: Vec<String>,
            /// When it runs.
            when: When,
        } => ("the retention policy ({}), which runs {}, deletes none of the restored images on its next run, and no other because of them", rules.join(", "), en(when)),
            ("Tag 保留策略（{}，运行于 {}）下次运行不会删除恢复的镜像，也不会因此删除其他镜像", listed(ZhCn, rules), zh(when));
        /// A project made anew; its settings are lost.
        MadeAnewUnread {
            /// The project.
            project: String,
        } => ("{project} is made anew; which settings it had cannot be read"), ("将重新建立 {project}；无法读取其原有设置");
        /// A project made anew; its settings were not captured.
        MadeAnewUncaptured {
            /// The project.
            project: String,
        } => ("{project} is made anew; its settings were not captured"), ("将重新建立 {project}；其设置未被备份");
        /// A project made anew.
        MadeAnew {
            /// The project.
            project: String,
            /// Whether everybody may read it.
            public: bool,
            /// What it will lack.
            lacks: Vec<Lacking>,
        } => ("{project} is made anew, {}; it will lack what the snapshot has of: {}", if *public { "public" } else { "private" }, lacks.iter().map(en).collect::<Vec<_>>().join("; ")),
            ("将重新建立 {project}（{}）；将缺少快照中的以下设置：{}", if *public { "公开" } else { "私有" }, lacks.iter().map(zh).collect::<Vec<_>>().join("；"));
        /// A project made anew, and nothing is missing.
        MadeAnewWhole {
            /// The project.
            project: String,
            /// Whether everybody may read it.
            public: bool,
        } => ("{project} is made anew, {}, with Harbor's own settings; the snapshot has no others", if *public { "public" } else { "private" }),
            ("将重新建立 {project}（{}），使用 Harbor 默认设置；快照中无其他设置", if *public { "公开" } else { "私有" });
        /// A layer that is elsewhere.
        LayerElsewhere {
            /// Who needs it: the first few.
            images: Vec<String>,
            /// How many more do.
            more: i64,
            /// The layer.
            layer: String,
            /// Where it is said to be.
            address: Option<String>,
        } => ("{} {} the layer {layer}, which the registry did not have: {}", few(En, images, *more), if images.len() == 1 && *more == 0 { "needs" } else { "need" }, address.as_ref().map_or_else(|| "no address is known".to_owned(), |address| format!("it is said to be at {address}"))),
            ("{} 需要层 {layer}，而镜像仓库中没有：{}", few(ZhCn, images, *more), address.as_ref().map_or_else(|| "没有已知地址".to_owned(), |address| format!("据称位于 {address}")));
        /// More of these.
        LayersElsewhere {
            /// How many.
            layers: i64,
        } => ("{} needed that the registry did not have", some(*layers, "more layer is", "more layers are")), ("另需 {} 个镜像仓库中没有的层", count(*layers));
    }

    /// Why a line cannot be done, and what helps.
    pub enum BlockReason {
        /// The tag is fixed.
        Immutable => ("the tag is immutable and points to another image; restore under a new name, or have the project's immutable rule changed"),
            ("该 Tag 不可变且指向其他镜像；请以新名称恢复，或请人更改项目的不可变规则");
        /// The new name is taken.
        NameTaken {
            /// It.
            tag: String,
        } => ("the tag {tag} is taken by another image; choose another suffix, or remove that tag"), ("Tag {tag} 已被其他镜像占用；请另选后缀，或移除该 Tag");
        /// A cache.
        ProxyCache => ("the project is a cache of another registry; restore into another project"), ("该项目是另一镜像仓库的缓存；请恢复到其他项目");
        /// Read-only mode.
        ReadOnly => ("Harbor is in read-only mode; wait until the administrator ends it"), ("Harbor 处于只读模式；请等待管理员结束该模式");
        /// The quota.
        Quota => ("the project's quota does not suffice; raise it, or restore less"), ("项目配额不足；请提高配额，或减少恢复内容");
        /// No right to push.
        NoPushRight => ("the restore login may not push to the project; give it the rights repository:push and repository:pull there"),
            ("恢复登录无权推送到该项目；请授予 repository:push 与 repository:pull 权限");
        /// No right to make projects.
        NoProjectRight => ("the project does not exist and the restore login may not make projects; make it in Harbor first, or give the login that right"),
            ("项目不存在，且恢复登录无权创建项目；请先在 Harbor 中创建，或授予该权限");
        /// Lost or damaged.
        Damaged {
            /// The object.
            object: String,
        } => ("the vault cannot give {object} back; choose an earlier snapshot, and run the plan again to heal the vault"),
            ("保管库无法提供 {object}；请选择更早的快照，并重新运行计划以修复保管库");
        /// What it is about does not come along.
        NoSubject {
            /// That.
            subject: String,
        } => ("{subject}, which it is about, is not there and does not come along; ask for the image too, by one of its tags or its digest"),
            ("其所属的 {subject} 不在该处也不随同恢复；请以 Tag 或摘要一并申请该镜像");
        /// What it is about cannot be restored.
        SubjectBlocked {
            /// That.
            subject: String,
        } => ("{subject}, which it is about, is not there and does not come along; see why it cannot be restored"),
            ("其所属的 {subject} 不在该处也不随同恢复；请查看其无法恢复的原因");
        /// A signature whose tag is fixed.
        CannotLink {
            /// The tag.
            tag: String,
        } => ("Harbor links this signature only when it is put by the tag {tag}, which an immutable rule keeps for another; the newest signature comes first, for the others have the rule changed"),
            ("仅当以 Tag {tag} 推送时 Harbor 才会关联此签名，而不可变规则已将其留给另一签名；最新签名优先，其余需更改规则");
        /// Left over from a deleted repository.
        LeftOver {
            /// The call that deletes it.
            call: String,
        } => ("Harbor keeps it from a repository that was deleted, gives it out by its digest alone, and shows no tag that is put on it; have an administrator of the project delete it by its digest ({call}), then make the plan again"),
            ("Harbor 保留着它（所属仓库已删除），仅能按摘要获取，且不显示为其添加的 Tag；请项目管理员按摘要删除（{call}），然后重新生成方案");
        /// Harbor has other bytes for a part of it.
        Spoilt {
            /// The part.
            object: String,
        } => ("Harbor has other bytes for {object}, and takes none in their place; delete every image that has this part in Harbor, let it collect its garbage, then restore again"),
            ("Harbor 中 {object} 的内容已损坏且不接受替换；请在 Harbor 中删除包含该部分的所有镜像并执行垃圾回收，然后重新恢复");
        /// Gone for ever.
        Gone {
            /// The image.
            object: String,
        } => ("it pointed to {object}, and Harbor has removed that image; it was never captured, so nothing can bring it back"),
            ("原先指向 {object}，Harbor 已删除该镜像；该镜像从未备份，无法恢复");
        /// Gone here, and in another vault.
        GoneElsewhere {
            /// The image.
            object: String,
            /// Moment of a snapshot that has it.
            moment: Moment,
            /// What to restore from there.
            image: String,
        } => ("it pointed to {object}, and Harbor has removed that image; a snapshot of {} in another vault has it: restore {image} from there", moment.long()),
            ("原先指向 {object}，Harbor 已删除该镜像；另一保管库中 {} 的快照含有它：请从那里恢复 {image}", moment.long());
    }

    /// What there is to say of a line, beside what happens to it.
    pub enum Note {
        /// Today's image keeps a name.
        KeepsTag {
            /// That name.
            tag: String,
        } => ("today's image keeps the tag {tag}"), ("现有镜像保留为 Tag {tag}");
        /// Harbor lost a part of it.
        Mend => ("Harbor lists it and cannot give all of it back: what is missing is sent again"), ("Harbor 列出该镜像但无法完整提供：补发缺失部分");
        /// Nothing to do.
        Same => ("it is the same already"), ("已经相同");
        /// The policy leaves it.
        Left => ("it points to another image now, and that is left as it is"), ("现指向其他镜像，保持不变");
        /// The restore that is undone made it.
        Stays => ("the restore made this tag and it stays; delete it in Harbor if it is not wanted"), ("该 Tag 由恢复创建并保留；如不需要请在 Harbor 中删除");
        /// It cannot be done.
        Blocked {
            /// Why, and what helps.
            why: BlockReason,
        } => ("{}", en(why)), ("{}", zh(why));
    }

    /// Why so many votes are needed.
    pub enum Rule {
        /// Nothing is written.
        None => ("No approval needed: nothing is written."), ("无需审批：不写入任何内容。");
        /// Risk 1.
        Adds {
            /// Votes.
            votes: i64,
            /// Target project.
            project: String,
        } => ("Risk 1: it only adds what is missing. {}", needs(En, *votes, project)), ("风险 1：仅补回缺失内容。{}", needs(ZhCn, *votes, project));
        /// Risk 2.
        OtherProject {
            /// Votes.
            votes: i64,
            /// Target project.
            project: String,
        } => ("Risk 2: it writes to another project. {}", needs(En, *votes, project)), ("风险 2：写入其他项目。{}", needs(ZhCn, *votes, project));
        /// Risk 3.
        Moves {
            /// Votes.
            votes: i64,
            /// Target project.
            project: String,
        } => ("Risk 3: it moves an existing tag. {}", needs(En, *votes, project)), ("风险 3：移动现有 Tag。{}", needs(ZhCn, *votes, project));
        /// Risk 4 and more.
        Much {
            /// The risk.
            risk: i64,
            /// Votes.
            votes: i64,
            /// Target project.
            project: String,
        } => ("Risk {risk}: it is a whole project, many tags or something immutable. {}", needs(En, *votes, project)),
            ("风险 {risk}：涉及整个项目、大量 Tag 或不可变内容。{}", needs(ZhCn, *votes, project));
    }
}

fn needs(lang: Lang, votes: i64, project: &str) -> String {
    lang.pick(
        format!("Needs {} from approvers of {project}; nobody approves their own request.", some(votes, "approval", "approvals")),
        format!("需要 {project} 的审批人给出 {} 个批准；申请人不能审批自己的申请。", count(votes)),
    )
}

/// The first names of a list that goes on for `more`.
fn few(lang: Lang, names: &[String], more: i64) -> String {
    if more <= 0 {
        return listed(lang, names);
    }
    lang.pick(format!("{} and {} more", names.join(", "), count(more)), format!("{}，另有 {} 个", listed(ZhCn, names), count(more)))
}

/// How many of `all` are not among the first names of the list.
fn rest(names: &[String], all: i64) -> i64 {
    all - i64::try_from(names.len()).unwrap_or(i64::MAX)
}
