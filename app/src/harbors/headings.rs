//! What the check-lists of harbors and buckets try, and what they advise.

use crate::sentence::sentences;

sentences! {
    /// What was tried.
    pub enum Heading {
        /// Name, connection and TLS.
        Connection => ("Connection"), ("连接");
        /// The version.
        Version => ("Harbor's version"), ("Harbor 版本");
        /// The login.
        Login => ("Login"), ("登录");
        /// A listing.
        ListProjects => ("List projects"), ("列出项目");
        /// Which rights there are.
        Rights => ("Rights"), ("权限");
        /// Rights to read.
        ReadContent => ("Read images, tags and signatures"), ("读取镜像、Tag 与签名");
        /// Rights to read settings.
        ReadSettings => ("Read settings of projects"), ("读取项目设置");
        /// Rights to write.
        Push => ("Push images and tags"), ("推送镜像与 Tag");
        /// Rights the preview needs.
        Preview => ("See quota, immutability and retention"), ("查看配额、不可变规则与保留策略");
        /// The audit log.
        ReadAudit => ("Read Harbor's audit log"), ("读取 Harbor 审计日志");
        /// All projects.
        SeeAll => ("See every project"), ("查看全部项目");
        /// A project made.
        CreateProject => ("Create a lost project"), ("创建丢失的项目");
        /// A sample.
        Pull => ("Read an image"), ("读取一个镜像");
        /// Pulls are not counted.
        Silent => ("Reading does not count as a pull"), ("读取不计为拉取");
        /// Referrers.
        Referrers => ("Signatures and referrers"), ("签名与引用");
        /// The storage of layers.
        Storage => ("Read layers from the storage"), ("从存储读取镜像层");
        /// Large bodies.
        BodySize => ("Send large bodies"), ("发送大请求体");
        /// Read-only mode.
        TakesChanges => ("Harbor takes changes"), ("Harbor 接受更改");
        /// Clocks.
        Clock => ("Clocks agree"), ("时钟一致");
        /// Ends and rights of logins.
        Logins => ("End and rights of the logins"), ("登录的到期与权限");
        /// The staging project's login.
        StagingLogin => ("Login for staging"), ("暂存登录");
        /// The staging project.
        StagingProject => ("Staging project"), ("暂存项目");
        /// Rights in it.
        StagingRights => ("Rights in the staging project"), ("暂存项目中的权限");
        /// Its quota.
        StagingQuota => ("Room in the staging project"), ("暂存项目的空间");
        /// Rights elsewhere.
        StagingElsewhere => ("Other projects are out of its reach"), ("不触及其他项目");
        /// Replication.
        StagingReplication => ("Copies are not replicated"), ("副本不被同步");
        /// A bucket answers.
        Reach => ("The bucket answers"), ("存储桶有应答");
        /// Conditional puts.
        ConditionalPut => ("Nothing is overwritten"), ("不会覆盖");
        /// Checksums.
        Checksum => ("Damaged bytes are refused"), ("拒绝损坏的数据");
        /// Reads after writes.
        ReadBack => ("What is put is read back"), ("写入后可读回");
        /// Lists after writes.
        List => ("What is put is listed"), ("写入后可列出");
        /// Parts.
        Parts => ("Large objects"), ("大对象");
        /// Copies.
        Copy => ("Copies inside the bucket"), ("存储桶内复制");
        /// Uploads that were left.
        Unfinished => ("Unfinished uploads"), ("未完成的上传");
        /// Deletions.
        Delete => ("What is deleted is gone"), ("删除后不再存在");
        /// Versions.
        Versions => ("Old versions"), ("旧版本");
        /// Locks.
        Locks => ("Object lock"), ("对象锁定");
        /// Locks that hold.
        LockKept => ("A lock that is kept"), ("锁定有效");
        /// Something a newer program tries.
        Other => ("More"), ("其他");
    }

    /// What to do.
    pub enum Advice {
        /// Another address.
        RegisterTarget => ("register the address that the registry redirects to"), ("请登记镜像仓库所重定向到的地址");
        /// TLS.
        UseHttps => ("use https, so that secrets cannot be read on the way"), ("请使用 https，以免密钥在途中被读取");
        /// A Harbor.
        GiveHarbor => ("give the address of a Harbor 2.8 or later"), ("请填写 Harbor 2.8 或更高版本的地址");
        /// A version.
        UseVersion2 => ("use Harbor 2.8 or a later 2.x"), ("请使用 Harbor 2.8 或更高的 2.x 版本");
        /// An upgrade.
        UpgradeHarbor => ("upgrade to Harbor 2.8 or later"), ("请升级到 Harbor 2.8 或更高版本");
        /// The name.
        CheckName => ("check the name, and that this machine's name servers know it"), ("请检查名称，并确认本机的域名服务器可解析");
        /// The certificate.
        FixCertificate => ("put the certificate in order, or give the certificate of its authority"), ("请修正证书，或提供其颁发机构的证书");
        /// The network.
        AllowNetwork => ("ask the operator of Breakwater to allow this network"), ("请联系 Breakwater 管理员放行此网络");
        /// The connection.
        CheckAddress => ("check address, port and firewall, and that Harbor runs"), ("请检查地址、端口与防火墙，并确认 Harbor 正在运行");
        /// The secret.
        GiveSecret => ("give the login's current secret, or let Breakwater make new robots"), ("请填写该登录的当前密钥，或由 Breakwater 新建机器人账号");
        /// A robot.
        UseRobot => ("use a robot account"), ("请使用机器人账号");
        /// It is told in snapshots.
        BecomesGaps => ("images that the project's policy blocks become named gaps"), ("被项目策略拦截的镜像将记为缺口");
        /// Again.
        TestAgain => ("test again; a retention rule by last pull would be misled if this stays"), ("请重新测试；如持续存在，按最后拉取时间的保留规则会被误导");
        /// Read-only mode.
        EndReadOnly => ("ask Harbor's administrator to end read-only mode"), ("请 Harbor 管理员结束只读模式");
        /// Clocks.
        SetClocks => ("synchronise the clocks; times of tags and tokens depend on them"), ("请同步时钟；Tag 与令牌的时间依赖于此");
        /// Rights.
        AddRights => ("add these rights to the robot, or let Breakwater make new robots"), ("请为机器人账号添加这些权限，或由 Breakwater 新建机器人账号");
        /// A right.
        AddRight => ("add this right to the robot, or let Breakwater make new robots"), ("请为机器人账号添加此权限，或由 Breakwater 新建机器人账号");
        /// A right of the log.
        AddAuditRight => ("add this right to the robot, or let Breakwater make new robots; and see that Harbor writes its audit log"), ("请为机器人账号添加此权限，或由 Breakwater 新建机器人账号；并确认 Harbor 写入审计日志");
        /// Projects.
        CoverProjects => ("check that the robot covers the projects to protect"), ("请确认机器人账号覆盖需保护的项目");
        /// All projects.
        CoverAll => ("use a robot that covers all projects, or let Breakwater make one"), ("请使用覆盖全部项目的机器人账号，或由 Breakwater 创建");
        /// The storage.
        OpenStorage => ("make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the registry hand blobs out itself: redirect: disable: true in the storage section of its configuration (disableredirect: true in Harbor's)"),
            ("请让 Breakwater 能访问此名称和网络（私有网络：以 --allow-net 启动），或让仓库自行提供数据：在其配置的 storage 部分设置 redirect: disable: true（Harbor 配置为 disableredirect: true）");
        /// The limit.
        RaiseBodyLimit => ("raise the limit of the proxy, load balancer or CDN before Harbor (nginx: client_max_body_size 0)"), ("请提高 Harbor 前的代理、负载均衡或 CDN 的限制（nginx：client_max_body_size 0）");
        /// New logins.
        RenewLogins => ("make the logins anew on the settings of this harbor"), ("请在该 Harbor 的设置中重新创建登录");
        /// The secret of staging.
        GiveStagingSecret => ("give the login's current secret, or switch staging off and on again"), ("请填写该登录的当前密钥，或将暂存关闭后重新启用");
        /// Rights of staging.
        AddStagingRights => ("add these rights to the robot, in this project only"), ("请仅在此项目中为机器人账号添加这些权限");
        /// No quota.
        LiftStagingQuota => ("set the project's quota to unlimited: a copy takes next to no space in the storage"), ("请将项目配额设为不限：副本几乎不占用存储空间");
        /// Fewer rights.
        TakeRights => ("take these rights from the robot: it needs artifact:read in all projects, and the rest in its own only"), ("请移除机器人账号的这些权限：它只需在所有项目中有 artifact:read，其余仅限自己的项目");
        /// The right to copy from.
        GiveArtifactRead => ("give the robot artifact:read in all projects: nothing can be copied from one without"), ("请在所有项目中授予机器人账号 artifact:read：否则无法从中复制");
        /// Private.
        MakePrivate => ("make it private"), ("请设为私有");
        /// Another project.
        GiveOwnProject => ("give a project of its own"), ("请提供专用项目");
        /// No policies.
        SwitchPoliciesOff => ("switch them off in this project"), ("请在此项目中关闭这些策略");
        /// A filter.
        FilterReplication {
            /// What to exclude.
            pattern: String,
        } => ("give them a name filter that excludes {pattern}"), ("请为其设置排除 {pattern} 的名称过滤器");
        /// By hand.
        LookAtReplication => ("look at the replication policies on events yourself, or give the backup login replication-policy:list"), ("请自行检查事件触发的同步策略，或授予备份登录 replication-policy:list");
        /// Another server.
        OtherServer => ("use an S3 server that keeps this promise, or a newer version of this one"), ("请使用满足此要求的 S3 服务，或其更新版本");
        /// What it says.
        SeeServer => ("see what the server says, then test again"), ("请查看服务器的说明后重新测试");
        /// The key.
        CheckBucket => ("check address, region, bucket and key; the key needs to list, read, write and delete"), ("请检查地址、区域、存储桶与密钥；密钥需具备列出、读取、写入与删除权限");
        /// A rule.
        DropUnfinished => ("let a lifecycle rule of the bucket drop unfinished uploads after some days"), ("请以存储桶的生命周期规则在数日后清除未完成的上传");
        /// Nothing.
        Nothing => ("nothing needs to be done"), ("无需处理");
        /// A right to see versions.
        LetSeeVersions => ("let the key read the bucket's versioning"), ("请允许密钥读取存储桶的版本设置");
        /// A right to delete them.
        LetDeleteVersions => ("let the key delete versions (s3:DeleteObjectVersion), or let a lifecycle rule remove old versions after some days"), ("请允许密钥删除版本（s3:DeleteObjectVersion），或以生命周期规则在数日后移除旧版本");
        /// Rights to list and delete them.
        LetListVersions => ("let the key list and delete versions (s3:ListBucketVersions, s3:GetObjectVersion, s3:DeleteObjectVersion)"), ("请允许密钥列出并删除版本（s3:ListBucketVersions、s3:GetObjectVersion、s3:DeleteObjectVersion）");
        /// No default.
        NoDefaultRetention => ("take the default retention off the bucket"), ("请取消存储桶的默认保留设置");
        /// A right to see locks.
        LetSeeLocks => ("let the key read the bucket's object lock configuration (s3:GetBucketObjectLockConfiguration)"), ("请允许密钥读取存储桶的对象锁定配置（s3:GetBucketObjectLockConfiguration）");
        /// Rights to lock.
        LetLock => ("make the bucket with object lock, and let the key lock (s3:PutObjectRetention, s3:GetObjectRetention)"), ("请创建启用对象锁定的存储桶，并允许密钥锁定（s3:PutObjectRetention、s3:GetObjectRetention）");
    }
}
