//! Tests of the reader of Bugzilla's XML, with a file as Bugzilla 5 writes it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sqal_core::{Name, Timestamp};
use sqal_storage::bugs::{BugPriority, BugSeverity, BugStatus};

use super::*;

const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<!DOCTYPE bugzilla SYSTEM "https://bugs.plant.example/page.cgi?id=bugzilla.dtd">

<bugzilla version="5.0.4" urlbase="https://bugs.plant.example/" maintainer="admin@plant.example">
    <bug>
          <bug_id>101</bug_id>
          <creation_ts>2009-01-01 12:00:00 +0000</creation_ts>
          <short_desc>Valve &lt;3&gt; sticks at 4 &#176;C</short_desc>
          <delta_ts>2009-01-03 08:30:00 +0000</delta_ts>
          <product>Stations</product>
          <component>Hydraulics</component>
          <version>2.3.1</version>
          <bug_status>VERIFIED</bug_status>
          <resolution>FIXED</resolution>
          <keywords>regression, cold</keywords>
          <priority>Highest</priority>
          <bug_severity>blocker</bug_severity>
          <blocked>102</blocked>
          <dependson>103</dependson>
          <reporter name="Jo Plant">jo@plant.example</reporter>
          <assigned_to name="Marie">marie@plant.example</assigned_to>
          <cc>all@plant.example</cc>
          <long_desc isprivate="0">
            <commentid>7</commentid>
            <comment_count>0</comment_count>
            <who name="Jo Plant">jo@plant.example</who>
            <bug_when>2009-01-01 12:00:00 +0000</bug_when>
            <thetext>It sticks.

&gt; every morning</thetext>
          </long_desc>
          <long_desc isprivate="1">
            <commentid>8</commentid>
            <who name="Marie">marie@plant.example</who>
            <bug_when>2009-01-02 09:00:00 +0100</bug_when>
            <thetext><![CDATA[Oil <replaced>]]> &amp; tested</thetext>
          </long_desc>
          <attachment isobsolete="0"><attachid>4</attachid><data encoding="base64">AAAA</data></attachment>
    </bug>
    <bug>
          <bug_id>102</bug_id>
          <short_desc>Pump</short_desc>
          <bug_status>RESOLVED</bug_status>
          <resolution>DUPLICATE</resolution>
          <dup_id>101</dup_id>
          <dependson>101</dependson>
          <bug_severity>annoying</bug_severity>
          <version>unspecified</version>
    </bug>
</bugzilla>
"#;

fn terms() -> ImportTerms {
    ImportTerms {
        system: Name::new("bugs.plant.example").unwrap(),
        by: Name::new("admin").unwrap(),
        at: Timestamp::from_micros(1_774_746_000_000_000).unwrap(),
        people: [("marie@plant.example".to_owned(), Name::new("marie").unwrap())].into(),
    }
}

#[test]
fn a_file_of_bugzilla_is_read_in_all_its_parts() {
    let terms = terms();
    let file = read_bugzilla(FILE, &terms);
    assert!(file.faults.is_empty(), "{:?}", file.faults);
    let ignored = ["attachment", "cc", "reporter"].map(str::to_owned);
    assert_eq!(file.ignored, BTreeSet::from(ignored));
    let [first, second] = file.bugs.as_slice() else { panic!("{} bugs", file.bugs.len()) };
    assert_eq!((first.line, second.line), (5, 40));

    let (bug, content) = (&first.bug, &first.bug.content);
    assert_eq!(bug.id, terms.bug_id("101"));
    assert_eq!(content.title, "Valve <3> sticks at 4 °C");
    assert_eq!(content.description, "It sticks.\n\n> every morning");
    assert_eq!((content.severity, content.priority), (BugSeverity::Critical, BugPriority::Urgent));
    assert_eq!(content.status, BugStatus::Closed);
    assert_eq!(content.category.unwrap().as_str(), "Hydraulics");
    assert_eq!(content.links.firmware_version.unwrap().as_str(), "2.3.1");
    assert_eq!(content.assignee.unwrap().as_str(), "marie");
    let tags: Vec<_> = content.tags.iter().map(Name::as_str).collect();
    assert_eq!(tags, ["cold", "product:stations", "regression", "resolution:fixed"]);
    assert_eq!((bug.created_at.micros(), bug.ended_at), (1_230_811_200_000_000, Some(bug.updated_at)));
    assert_eq!(bug.updated_at.micros(), 1_230_971_400_000_000);

    let [comment] = first.comments.as_slice() else { panic!("{:?}", first.comments) };
    assert_eq!((comment.text.as_str(), comment.is_internal), ("Oil <replaced> & tested", true));
    assert_eq!((comment.by.as_str(), comment.at.micros()), ("marie", 1_230_883_200_000_000));
}

#[test]
fn links_name_the_bugs_of_the_file_and_what_is_not_in_it_is_related() {
    let terms = terms();
    let bugs = read_bugzilla(FILE, &terms).bugs;
    let (first, second) = (&bugs[0].bug.content.links, &bugs[1].bug.content.links);
    assert_eq!(first.blocks, BTreeSet::from([terms.bug_id("102")]));
    assert_eq!(first.relates_to, BTreeSet::from([terms.bug_id("103")]));
    assert_eq!((second.duplicate_of, second.firmware_version), (Some(terms.bug_id("101")), None));
    assert_eq!(bugs[1].bug.content.severity, BugSeverity::Medium);
    assert!(bugs[1].bug.content.tags.iter().any(|tag| tag.as_str() == "severity:annoying"));
    assert_eq!(bugs[1].bug.content.description, "Pump", "without a comment the title is the description");
}

#[test]
fn no_name_and_no_mail_address_of_a_person_is_imported() {
    let shown = format!("{:?}", read_bugzilla(FILE, &terms()).bugs);
    assert!(!shown.contains("@plant.example") && !shown.contains("Jo Plant"), "{shown}");
}

#[test]
fn another_system_makes_other_ids_and_an_equal_one_makes_equal_ids() {
    let ids = |terms: &ImportTerms| read_bugzilla(FILE, terms).bugs.iter().map(|bug| bug.bug.id).collect::<Vec<_>>();
    assert_eq!(ids(&terms()), ids(&ImportTerms { at: Timestamp::from_micros(0).unwrap(), ..terms() }));
    assert_ne!(ids(&terms()), ids(&ImportTerms { system: Name::new("other").unwrap(), ..terms() }));
}

#[test]
fn each_fault_has_its_line_and_the_other_bugs_are_read() {
    let xml = "<bugzilla>\n<bug error=\"NotFound\">\n<bug_id>1</bug_id>\n</bug>\n<bug>\n<bug_id>2</bug_id>\n</bug>\n\
        <bug><bug_id>3</bug_id><short_desc>a</short_desc><bug_status>PARKED</bug_status></bug>\n\
        <bug><bug_id>4</bug_id><short_desc>a</short_desc>\n<delta_ts>soon</delta_ts></bug>\n\
        <bug><bug_id>5</bug_id><short_desc>a&other;</short_desc></bug>\n\
        <bug><bug_id>6</bug_id><short_desc>a</short_desc></bug>\n</bugzilla>";
    let file = read_bugzilla(xml, &terms());
    let faults: Vec<_> = file.faults.iter().map(|fault| (fault.line, fault.field.as_str())).collect();
    assert_eq!(
        faults,
        [(2, "bug"), (5, "short_desc"), (8, "bug_status"), (9, "delta_ts"), (11, "short_desc")],
        "{:?}",
        file.faults
    );
    assert!(file.bugs.iter().any(|bug| bug.bug.id == terms().bug_id("6")));
}

#[test]
fn broken_xml_and_other_xml_are_refused_with_their_line() {
    for (xml, line, field) in [
        ("<rss/>", 1, "XML"),
        ("<bugzilla>\n<bug>\n</bugs>\n</bugzilla>", 3, "XML"),
        ("<bugzilla>\n<bug><bug_id>1", 2, "bug_id"),
    ] {
        let file = read_bugzilla(xml, &terms());
        let found: Vec<_> = file.faults.iter().map(|fault| (fault.line, fault.field.as_str())).collect();
        assert_eq!(found, [(line, field)], "{:?}", file.faults);
    }
    let deep = format!("<bugzilla>{}", "<a>".repeat(100_000));
    assert!(read_bugzilla(&deep, &terms()).faults[0].expected.contains("32 elements"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}", parts in proptest::collection::vec(
        prop::sample::select(vec![
            "<bug>", "</bug>", "<bug_id>", "</bug_id>", "<long_desc>", "</long_desc>", "<thetext>", "</thetext>", "1",
            "<short_desc>", "</short_desc>", "&amp;", "&#0;", "&x;", "<![CDATA[", "]]>", "\n", "<a b='", "'/>", "é",
        ]),
        0..40,
    )) {
        for xml in [text, format!("<bugzilla>{}</bugzilla>", parts.concat())] {
            let file = read_bugzilla(&xml, &terms());
            let lines = u64::try_from(xml.lines().count()).unwrap() + 1;
            prop_assert!(file.faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
        }
    }
}
