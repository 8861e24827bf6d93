use proptest::prelude::*;

use super::*;
use crate::{Digest, RepositoryName};

const HEX: &str = "941995112827622724f09a331f329d14ffc745d10af6579d8b598bbb10803685";

/// The surest name of a text as `host|repository|tag|digest`.
fn first(text: &str) -> String {
    let read = Pasted::read(text);
    let Some(named) = read.names.first() else { return String::new() };
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let digest = named.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}|{}|{}|{digest}", part(&named.host), part(&named.repository), part(&named.tag))
}

#[test]
fn references_are_read_as_people_have_them() {
    let whole = format!("sha256:{HEX}");
    let host = "harbor.example:8443";
    for (text, read) in [
        (format!("{host}/p/team/web:1.4.2"), format!("{host}|p/team/web|1.4.2|")),
        (format!("p/team/web@{whole}"), format!("|p/team/web||{whole}")),
        (format!("{host}/p/team/web:1.4.2@{whole}"), format!("{host}|p/team/web|1.4.2|{whole}")),
        (format!("docker-pullable://{host}/p/team/web@{whole}"), format!("{host}|p/team/web||{whole}")),
        (format!("docker://sha256:{HEX}"), format!("|||{whole}")),
        (HEX.to_owned(), format!("|||{whole}")),
        (HEX.to_uppercase(), format!("|||{whole}")),
        (HEX[..12].to_owned(), format!("|||sha256:{}…", &HEX[..12])),
        (format!("sha256:{}", &HEX[..8]), format!("|||sha256:{}…", &HEX[..8])),
        ("sha256:9419…3685".to_owned(), "|||sha256:9419…3685".to_owned()),
        ("9419...3685".to_owned(), "|||sha256:9419…3685".to_owned()),
        (format!("oci://{host}/p/charts/shop"), format!("{host}|p/charts/shop||")),
        (format!("helm pull oci://{host}/p/charts/shop --version 1.2.0+build.7"), format!("{host}|p/charts/shop|1.2.0_build.7|")),
        (format!("helm pull oci://{host}/p/charts/shop --version=1.2.0+build.7"), format!("{host}|p/charts/shop|1.2.0_build.7|")),
        ("p/charts/shop:1.2.0+build.7".to_owned(), "|p/charts/shop|1.2.0_build.7|".to_owned()),
        (format!("Back-off pulling image \"{host}/p/team/web:1.4.2\""), format!("{host}|p/team/web|1.4.2|")),
        ("  p/team/web:1.4.2\u{a0}".to_owned(), "|p/team/web|1.4.2|".to_owned()),
        ("p/te\u{200b}am/web:1.4.2\u{feff}".to_owned(), "|p/team/web|1.4.2|".to_owned()),
        ("TEAM/Web".to_owned(), "|team/web||".to_owned()),
        ("HARBOR.Example/P/Web:V1".to_owned(), "harbor.example|p/web|V1|".to_owned()),
        ("拉取镜像失败：harbor.example/p/web：1.4.2，请检查".to_owned(), "harbor.example|p/web|1.4.2|".to_owned()),
        ("“p/web:1.4.2”。".to_owned(), "|p/web|1.4.2|".to_owned()),
        ("(see p/web:1.4.2).".to_owned(), "|p/web|1.4.2|".to_owned()),
        ("https://ann:s3cret@harbor.example/p/web:1".to_owned(), "harbor.example|p/web|1|".to_owned()),
        ("[::1]:5000/p/web:1".to_owned(), "[::1]:5000|p/web|1|".to_owned()),
        ("localhost/p/web".to_owned(), "localhost|p/web||".to_owned()),
        (format!("sha256-{HEX}.sig"), format!("||sha256-{HEX}.sig|")),
        (format!("sha256-{HEX}"), format!("||sha256-{HEX}|")),
        ("shop-1.2.0+build.7.tgz".to_owned(), "|shop|1.2.0_build.7|".to_owned()),
        ("./my-2-shop-v1.2.0-rc.1.tgz".to_owned(), "|my-2-shop|v1.2.0-rc.1|".to_owned()),
        (format!("{host}/p/web   1.4.2   {}   2 weeks ago   132MB", &HEX[..12]), format!("{host}|p/web|1.4.2|")),
    ] {
        assert_eq!(first(&text), read, "{text}");
    }
}

#[test]
fn lines_of_errors_name_their_image() {
    let image = "harbor.example|shop/web|1.4.2|";
    let line = "Failed to pull image \"harbor.example/shop/web:1.4.2\": rpc error: code = NotFound desc = failed to pull and unpack image \
                \"harbor.example/shop/web:1.4.2\": failed to resolve reference \"harbor.example/shop/web:1.4.2\": \
                harbor.example/shop/web:1.4.2: not found";
    for line in [
        line,
        "Error response from daemon: manifest for harbor.example/shop/web:1.4.2 not found: manifest unknown: manifest unknown",
        "Error: ImagePullBackOff, Back-off pulling image \"harbor.example/shop/web:1.4.2\"",
        r#"{"level":"error","msg":"PullImage \"harbor.example/shop/web:1.4.2\" failed\n","t":"2026-11-28T04:05:06Z"}"#,
        "Get \"https://harbor.example/v2/shop/web/manifests/1.4.2\": dial tcp 10.0.0.1:443: i/o timeout",
        "HEAD https://harbor.example/v2/shop/web/manifests/1.4.2?ns=x 404 Not Found",
        "curl -u ann:pw https://harbor.example/api/v2.0/projects/shop/repositories/web/artifacts/1.4.2",
    ] {
        assert_eq!(first(line), image, "{line}");
    }
    let whole = format!("sha256:{HEX}");
    let portal = format!("https://harbor.example/harbor/projects/3/repositories/team%2Fweb/artifacts-tab/artifacts/{whole}?x=1");
    assert_eq!(first(&portal), format!("harbor.example|team/web||{whole}"));
    let call = format!("https://harbor.example/api/v2.0/projects/shop/repositories/team%252Fweb/artifacts/{whole}/tags");
    assert_eq!(first(&call), format!("harbor.example|shop/team/web||{whole}"));
    assert_eq!(first("manifest unknown: manifest tagged by \"1.4.2\" is not found"), "||1.4.2|");
}

#[test]
fn what_is_no_reference_is_words_and_says_what_it_is() {
    let read = Pasted::read("web 1.4");
    assert_eq!((read.names.len(), read.words), (0, vec!["web".to_owned(), "1.4".to_owned()]));
    assert_eq!(Pasted::read("1.2.0+build.7").words, ["1.2.0_build.7"]);
    assert_eq!(Pasted::read("%.%").words, Vec::<String>::new());
    assert_eq!(Pasted::read("https://harbor.example/").only_host.as_deref(), Some("harbor.example"));
    assert_eq!(Pasted::read("harbor.example:8443").only_host.as_deref(), Some("harbor.example:8443"));
    assert!(Pasted::read("sha256:94").too_short);
    let other = Pasted::read(&format!("p/web@sha512:{}", "a".repeat(128)));
    assert!(other.other_algorithm);
    assert_eq!(other.names[0].repository.as_deref(), Some("p/web"));
    assert!(Pasted::read("the pod is in ImagePullBackOff since it was restarted at 04:05:06 today").words.is_empty());
    assert_eq!(Pasted::read(&"a/b:1 ".repeat(700)), Pasted::default(), "longer than is read");
    assert_eq!(Pasted::read(&(0..99).map(|n| format!("p/r{n}:1 ")).collect::<String>()).names.len(), NAMES_MAX);
}

#[test]
fn the_tag_of_an_accessory_names_its_image() {
    let subject = |text: &str| Pasted::read(text).names.first().and_then(Reading::subject).map(|digest| digest.to_string());
    for text in [format!("sha256-{HEX}.sig"), format!("p/web:sha256-{HEX}.att"), format!("sha256-{HEX}")] {
        assert_eq!(subject(&text), Some(format!("sha256:{HEX}")), "{text}");
    }
    for text in
        [format!("p/web:sha256-{}.sig", &HEX[..60]), "p/web:sha256-dirty".to_owned(), format!("p/web@sha256:{HEX}"), format!("p/web:{HEX}")]
    {
        assert_eq!(subject(&text), None, "{text}");
    }
    for file in ["backup-2026.tgz", "shop.tgz", "-1.2.3.tgz", "1.2.3.tgz"] {
        assert_eq!(Pasted::read(file).names, [], "{file} is no chart");
    }
}

proptest! {
    /// However it is wrapped, what Harbor has is found: host, scheme, quotes, prose and invisible characters change nothing.
    #[test]
    fn a_reference_is_found_in_whatever_is_around_it(
        repository in "[a-z0-9]{1,8}(/[a-z][a-z0-9]{0,6}){1,3}",
        tag in "[A-Za-z_][A-Za-z0-9_]{0,8}",
        host in proptest::option::of("[a-z]{1,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?"),
        scheme in prop_oneof![Just(""), Just("docker://"), Just("oci://"), Just("docker-pullable://"), Just("containerd://")],
        (before, after) in prop_oneof![
            Just(("", "")), Just(("\"", "\"")), Just(("“", "”")), Just(("无法拉取镜像：", "，请检查")), Just(("(", ").")), Just(("\u{feff} ", "\u{a0}")),
            Just(("Failed to pull image `", "`: rpc error: not found")),
        ],
    ) {
        let (scheme, host) = (if host.is_some() { scheme } else { "" }, host);
        let name = host.iter().fold(String::new(), |_, host| format!("{host}/")) + &repository;
        let read = Pasted::read(&format!("{before}{scheme}{name}:{tag}{after}"));
        let named = &read.names[0];
        prop_assert_eq!(named.repository.as_deref(), Some(repository.as_str()));
        prop_assert_eq!(named.tag.as_deref(), Some(tag.as_str()));
        prop_assert_eq!(&named.host, &host);
        prop_assert!(repository.parse::<RepositoryName>().is_ok() && named.tag_name().is_some());
    }

    /// As many digits as are there find the digest, in either case.
    #[test]
    fn a_part_of_a_digest_is_a_range_with_it_inside(seed in any::<u64>(), digits in 6_usize..=64, upper in any::<bool>()) {
        let digest = Digest::of(&seed.to_be_bytes());
        let text = if upper { digest.hex().to_uppercase() } else { digest.hex() };
        let part = DigestPart::read(&text[..digits]).unwrap();
        let (from, to) = part.range();
        prop_assert!(from <= *digest.as_bytes() && *digest.as_bytes() <= to && part.fits(digest.as_bytes()));
        prop_assert_eq!(part.is_whole(), digits == 64);
        let shown = DigestPart::read(&digest.short()).unwrap();
        prop_assert!(shown.fits(digest.as_bytes()));
    }

    #[test]
    fn nothing_that_is_pasted_panics_or_grows(text in any::<String>()) {
        let read = Pasted::read(&text);
        prop_assert!(read.names.len() <= NAMES_MAX && read.words.len() <= WORDS_MAX);
    }
}
