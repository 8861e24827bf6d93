//! What harbors, vaults and the program itself can be in trouble with, as it is told to people.
//!
//! The engine, the vault and the registry have errors of their own; the server maps them to these once. A `call` is the request to the
//! registry as its log has it, a `message` or `why` what somebody else said: these stay as they are in every language.

use crate::sentence::sentences;
use crate::units::{Moment, bytes, count, some};

/// A figure with what stands round it, if there is one.
fn figure(size_bytes: Option<i64>, before: &str, after: &str) -> String {
    size_bytes.map(|size_bytes| format!("{before}{}{after}", bytes(size_bytes))).unwrap_or_default()
}

sentences! {
    /// What went wrong outside, or here.
    pub enum Trouble {
        /// Wrong or expired login.
        NotLoggedIn {
            /// The login.
            login: String,
        } => ("credential rejected: the registry does not accept the login {login}; check its secret and whether it expired or was disabled"),
             ("凭据被拒绝：镜像仓库不接受登录 {login}；请检查其密钥，以及是否已过期或停用");
        /// A right is missing.
        Forbidden {
            /// The login.
            login: String,
            /// The request.
            call: String,
        } => ("the login {login} may not {call}; give it the missing right"), ("登录 {login} 无权执行此请求（{call}）；请授予所缺权限");
        /// Read-only mode.
        ReadOnly => ("the registry is in read-only mode; wait until its administrator ends it"), ("镜像仓库处于只读模式；请等待其管理员结束该模式");
        /// Over quota.
        QuotaExceeded {
            /// What the registry says.
            message: String,
        } => ("the project's quota is exceeded: {message}"), ("超出项目配额：{message}");
        /// An immutable tag.
        Immutable {
            /// What the registry says.
            message: String,
        } => ("a tag is immutable: {message}"), ("Tag 不可变：{message}");
        /// A policy refuses the pull.
        BlockedByPolicy {
            /// What the registry says.
            message: String,
        } => ("a policy of the project blocks this pull: {message}"), ("项目策略拦截了此次拉取：{message}");
        /// Not there.
        NotFound {
            /// The request, or the thing.
            call: String,
        } => ("{call} does not exist in the registry"), ("镜像仓库中不存在（{call}）");
        /// There already.
        Conflict {
            /// The request.
            call: String,
            /// What the registry says.
            message: String,
        } => ("{call} conflicts with what is there: {message}"), ("与现有内容冲突（{call}）：{message}");
        /// Refused as things stand.
        Precondition {
            /// The request.
            call: String,
            /// What the registry says.
            message: String,
        } => ("the registry refuses to {call} as things stand: {message}"), ("在当前状态下镜像仓库拒绝此请求（{call}）：{message}");
        /// The request was found wrong.
        Invalid {
            /// The request.
            call: String,
            /// What the registry says.
            message: String,
        } => ("the registry calls the request to {call} invalid: {message}"), ("镜像仓库认为此请求无效（{call}）：{message}");
        /// Parts of a manifest are not there.
        MissingBlobs {
            /// How many.
            parts: i64,
        } => ("the registry lacks {} that the manifest refers to", some(*parts, "blob or manifest", "blobs or manifests")),
             ("镜像仓库缺少 manifest 所引用的 {} 个对象", count(*parts));
        /// Above a limit.
        TooLarge {
            /// The request, or the thing.
            call: String,
            /// The limit, bytes.
            limit_bytes: i64,
        } => ("{call} is larger than {}", bytes(*limit_bytes)), ("超过 {}（{call}）", bytes(*limit_bytes));
        /// Something before the registry refuses large bodies.
        BodyRefused {
            /// The request.
            call: String,
            /// Its size.
            body_bytes: i64,
            /// What passes, bytes.
            limit_bytes: i64,
        } => ("something before Harbor refuses bodies of more than {}, and the request to {call} has {}; raise the limit of the proxy, load balancer or CDN there (nginx: client_max_body_size)", bytes(*limit_bytes), bytes(*body_bytes)),
             ("Harbor 前的设备拒绝超过 {} 的请求体，而此请求（{call}）为 {}；请提高该处代理、负载均衡或 CDN 的限制（nginx：client_max_body_size）", bytes(*limit_bytes), bytes(*body_bytes));
        /// Blobs are kept where they cannot be read from here.
        StorageUnreachable {
            /// The host.
            host: String,
            /// Why.
            why: String,
        } => ("the registry keeps its blobs at {host}, and they cannot be read from there: {why}"), ("仓库的数据存放在 {host}，无法从那里读取：{why}");
        /// Bytes of another digest.
        WrongDigest {
            /// The digest asked for.
            expected: String,
            /// The digest of what came.
            actual: String,
        } => ("bytes do not match their digest {expected}: they hash to {actual}"), ("数据与摘要 {expected} 不符：实际为 {actual}");
        /// Bytes of another size.
        WrongSize {
            /// The request, or the thing.
            call: String,
            /// The size said.
            expected: i64,
            /// The size found.
            actual: i64,
        } => ("{call} has {}, not {}", some(*actual, "byte", "bytes"), count(*expected)), ("大小为 {} 字节，而非 {}（{call}）", count(*actual), count(*expected));
        /// Broken off.
        Truncated {
            /// The request.
            call: String,
            /// What came, bytes.
            received_bytes: i64,
        } => ("{call} broke off after {}", bytes(*received_bytes)), ("传输在 {} 后中断（{call}）", bytes(*received_bytes));
        /// Nothing came for too long.
        Stalled {
            /// The request.
            call: String,
        } => ("the transfer of {call} stalled"), ("传输停滞（{call}）");
        /// A network that is not allowed.
        AddressRefused {
            /// The host.
            host: String,
        } => ("the address {host} is in a network that is not allowed; an operator can allow it"), ("地址 {host} 属于不允许的网络；可由系统管理员放行");
        /// A redirect that is not followed.
        RedirectRefused {
            /// The host.
            host: String,
            /// Why.
            why: String,
        } => ("the registry points to {host}, which is refused: {why}"), ("镜像仓库指向 {host}，已拒绝：{why}");
        /// TLS is not in order.
        Tls {
            /// The host.
            host: String,
            /// Why.
            why: String,
        } => ("the connection to {host} is not safe: {why}"), ("到 {host} 的连接不安全：{why}");
        /// No address.
        Dns {
            /// The name.
            host: String,
        } => ("the name {host} cannot be resolved; check the address and the name servers"), ("无法解析名称 {host}；请检查地址与域名服务器");
        /// No connection.
        Unreachable {
            /// The host.
            host: String,
            /// Why.
            why: String,
        } => ("{host} cannot be reached: {why}"), ("无法连接 {host}：{why}");
        /// Asked too often.
        Busy => ("the registry is busy and asks to come back later"), ("镜像仓库繁忙，要求稍后再试");
        /// A status of the 5xx kind.
        Server {
            /// The status.
            status: i64,
            /// The request as the registry's log has it.
            request: Option<String>,
        } => ("the registry failed with status {status}{}", request.as_ref().map(|id| format!("; its log has the details under request id {id}")).unwrap_or_default()),
             ("镜像仓库出错，状态码 {status}{}", request.as_ref().map(|id| format!("；其日志中的请求编号为 {id}")).unwrap_or_default());
        /// Not offered.
        Unsupported {
            /// The request, or the thing.
            call: String,
        } => ("this registry does not offer {call}"), ("此镜像仓库不支持该功能（{call}）");
        /// An answer without sense.
        Protocol {
            /// Which.
            call: String,
        } => ("the registry gave an answer that cannot be understood: {call}"), ("无法理解镜像仓库的应答（{call}）");
        /// The bytes to send cannot be read.
        Source {
            /// Why.
            why: String,
        } => ("the bytes to send cannot be read: {why}"), ("无法读取要发送的数据：{why}");
        /// The address cannot be used.
        Endpoint {
            /// Why.
            why: String,
        } => ("the address of the registry is not usable: {why}"), ("镜像仓库的地址不可用：{why}");

        /// An object is lost.
        ObjectMissing {
            /// The object.
            object: String,
        } => ("object {object} is not in the vault"), ("保管库中没有对象 {object}");
        /// An object is damaged.
        ObjectCorrupt {
            /// The object.
            object: String,
            /// What its bytes hash to.
            actual: String,
            /// How many it has.
            size: i64,
        } => ("object {object} is corrupt: its {} {} to {actual}", some(*size, "byte", "bytes"), if *size == 1 { "hashes" } else { "hash" }),
             ("对象 {object} 已损坏：其 {} 字节的摘要为 {actual}", count(*size));
        /// An object reads one way and then another.
        ObjectUnstable {
            /// The object.
            object: String,
        } => ("object {object} read differently twice; read it again and check the disk and its cables"), ("对象 {object} 两次读取结果不同；请重新读取并检查磁盘与线缆");
        /// An object is larger than is read.
        ObjectTooLarge {
            /// The object.
            object: String,
            /// Its size, bytes.
            size_bytes: i64,
            /// The limit, bytes.
            limit_bytes: i64,
        } => ("object {object} has {}, more than the {} allowed here", bytes(*size_bytes), bytes(*limit_bytes)), ("对象 {object} 为 {}，超过此处允许的 {}", bytes(*size_bytes), bytes(*limit_bytes));
        /// An object is no index.
        ObjectUnreadable {
            /// The object.
            object: String,
        } => ("object {object} is not a readable index"), ("对象 {object} 不是可读的索引");
        /// Wrong bytes came for an object.
        WrongBytes {
            /// The object.
            object: String,
            /// What the bytes hash to.
            actual: String,
        } => ("the bytes received for {object} hash to {actual}; nothing was stored"), ("收到的 {object} 数据摘要为 {actual}；未存储");
        /// A vault is full.
        NoSpace {
            /// The vault's place.
            place: String,
            /// Asked for, bytes; none of the three = the place refused by itself.
            needed_bytes: Option<i64>,
            /// Free now, bytes.
            free_bytes: Option<i64>,
            /// Kept back, bytes.
            reserve_bytes: Option<i64>,
        } => ("no space left in {place}{}{}{}; free some, nothing was deleted", figure(*needed_bytes, ": ", " needed"),
              figure(*free_bytes, ", ", " free"), figure(*reserve_bytes, ", ", " kept in reserve")),
             ("{place} 空间不足{}{}{}；请腾出空间，未删除任何内容", figure(*needed_bytes, "：需要 ", ""), figure(*free_bytes, "，剩余 ", ""),
              figure(*reserve_bytes, "，预留 ", ""));
        /// No vault is there.
        NotAVault {
            /// The place.
            place: String,
        } => ("{place} holds no vault; mount it, or make one with `breakwater vault init`"), ("{place} 中没有保管库；请挂载，或用 `breakwater vault init` 创建");
        /// Another vault is there.
        OtherVault {
            /// The place.
            place: String,
            /// The vault asked for.
            expected: String,
            /// The vault found.
            found: String,
        } => ("{place} holds vault {found}, not vault {expected}; mount the right one"), ("{place} 中是保管库 {found}，而非 {expected}；请挂载正确的保管库");
        /// A format of another version.
        VaultFormat {
            /// The place.
            place: String,
            /// The format found.
            found: i64,
        } => ("{place} holds a vault of format {found}, which this program does not read"), ("{place} 中的保管库格式为 {found}，本程序无法读取");
        /// Files of others are there.
        ForeignDirectory {
            /// The place.
            place: String,
        } => ("{place} is not empty and holds no vault; choose an empty directory"), ("{place} 非空且没有保管库；请选择空目录");
        /// A vault is there already.
        AlreadyAVault {
            /// The place.
            place: String,
            /// The vault.
            found: String,
        } => ("{place} holds vault {found} already; open it"), ("{place} 中已有保管库 {found}；请直接打开");
        /// A small file of the vault is damaged.
        DamagedRecord {
            /// The file.
            file: String,
            /// How.
            why: String,
        } => ("{file} is damaged: {why}"), ("{file} 已损坏：{why}");
        /// A lock.
        Locked {
            /// The file.
            file: String,
            /// Until when.
            until: Moment,
        } => ("{file} is locked until {}", until.long()), ("{file} 锁定至 {}", until.long());
        /// A hold ran out.
        HoldLapsed => ("a hold of the vault has lapsed; begin the work again"), ("保管库的占用已失效；请重新开始");
        /// A sweep that would take much.
        SweepTooMuch {
            /// The place.
            place: String,
            /// Objects.
            objects: i64,
            /// Which share of the vault.
            percent: i64,
            /// What is allowed unasked.
            limit_percent: i64,
        } => ("a sweep of {place} would remove {}, {percent} % of the vault; up to {limit_percent} % is allowed unasked", some(*objects, "object", "objects")),
             ("清理 {place} 将删除 {} 个对象，占保管库的 {percent} %；未经确认最多允许 {limit_percent} %", count(*objects));
        /// The place of a vault refuses or broke off.
        VaultBroke {
            /// The place.
            place: String,
            /// What was being done, and why it was not.
            why: String,
        } => ("the vault at {place} did not do its part: {why}"), ("{place} 处的保管库未能完成操作：{why}");

        /// The database.
        Database => ("the database did not answer as expected"), ("数据库未按预期应答");
        /// Stored secrets.
        StoredSecret {
            /// Why.
            why: String,
        } => ("stored secrets cannot be opened: {why}"), ("无法打开已存储的密钥：{why}");
        /// What nobody thought of: in English, as it stands in the log.
        Unforeseen {
            /// The error with its sources.
            error: String,
        } => ("{error}"), ("未预料的错误（原文）：{error}");
    }
}
