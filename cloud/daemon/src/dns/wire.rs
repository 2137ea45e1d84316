//! From the bytes of a question to the bytes of an answer. Pure but for the zone it is given.

use cloud_client::RecordType;
use hickory_proto::{
    op::{Edns, Message, MessageType, Metadata, OpCode, ResponseCode},
    rr::{
        Name, RData, Record as WireRecord, RecordType as WireType,
        rdata::{A, AAAA, CNAME, SOA, TXT},
    },
};

use super::zone::{Answer, Data, Outcome, Record, Zone};

/// What fits where the other side says nothing.
const SMALLEST_LIMIT: u16 = 512;

/// What passes everywhere without being cut in pieces.
const OUR_LIMIT: u16 = 1232;

/// How long resolvers may remember that there is nothing: new names should be seen at once.
const NEGATIVE_TTL: u32 = 1;

/// A text record is a row of strings of at most so many bytes.
const LONGEST_TEXT: usize = 255;

/// How the answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// Answers a message; nothing for what cannot even be answered with an error.
pub(crate) fn answer(question: &[u8], domain: &str, transport: Transport, zone: &Zone<'_>) -> Option<Vec<u8>> {
    let Ok(request) = Message::from_vec(question) else {
        return unreadable(question);
    };
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut response = Message::response(request.metadata.id, request.metadata.op_code);
    response.metadata = Metadata::response_from_request(&request.metadata);
    response.add_queries(request.queries.iter().cloned());
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(OUR_LIMIT);
        response.set_edns(edns);
    }
    fill(&mut response, &request, domain, zone);
    let bytes = response.to_vec().ok()?;
    let limit = request.edns.as_ref().map_or(SMALLEST_LIMIT, |edns| {
        edns.max_payload().clamp(SMALLEST_LIMIT, OUR_LIMIT)
    });
    if transport == Transport::Udp && bytes.len() > usize::from(limit) {
        return response.truncate().to_vec().ok();
    }
    Some(bytes)
}

/// A header with the question's number, so that the other side need not wait in vain.
fn unreadable(question: &[u8]) -> Option<Vec<u8>> {
    let id = u16::from_be_bytes([*question.first()?, *question.get(1)?]);
    // An answer to an answer could go on for ever.
    if question.get(2)? & 0x80 != 0 {
        return None;
    }
    Message::error_msg(id, OpCode::Query, ResponseCode::FormErr)
        .to_vec()
        .ok()
}

fn fill(response: &mut Message, request: &Message, domain: &str, zone: &Zone<'_>) {
    let ([query], OpCode::Query) = (request.queries.as_slice(), request.metadata.op_code) else {
        response.metadata.response_code = ResponseCode::NotImp;
        return;
    };
    let name = query.name().to_ascii();
    let Answer { outcome, records } = match query.query_type() {
        WireType::A => zone.answer(&name, RecordType::A),
        WireType::AAAA => zone.answer(&name, RecordType::Aaaa),
        WireType::CNAME => zone.answer(&name, RecordType::Cname),
        WireType::TXT => zone.answer(&name, RecordType::Txt),
        _ => zone.answer_other(&name),
    };
    if outcome == Outcome::Refused {
        response.metadata.response_code = ResponseCode::Refused;
        return;
    }
    response.metadata.authoritative = true;
    response.metadata.response_code = match outcome {
        Outcome::NoName => ResponseCode::NXDomain,
        _ => ResponseCode::NoError,
    };
    response.add_answers(records.iter().filter_map(wire_record));
    if outcome != Outcome::Found
        && let Some(authority) = start_of_authority(domain)
    {
        if query.query_type() == WireType::SOA && name.trim_end_matches('.').eq_ignore_ascii_case(domain) {
            response.add_answer(authority);
        } else {
            response.add_authority(authority);
        }
    }
}

fn wire_record(record: &Record) -> Option<WireRecord> {
    let data = match &record.data {
        Data::A(address) => RData::A(A::from(*address)),
        Data::Aaaa(address) => RData::AAAA(AAAA::from(*address)),
        Data::Cname(target) => RData::CNAME(CNAME(absolute(target)?)),
        Data::Txt(text) => RData::TXT(TXT::from_bytes(text.as_bytes().chunks(LONGEST_TEXT).collect())),
    };
    Some(WireRecord::from_rdata(absolute(&record.name)?, record.ttl, data))
}

fn start_of_authority(domain: &str) -> Option<WireRecord> {
    let (server, mailbox) = (
        absolute(&format!("cloud.{domain}"))?,
        absolute(&format!("root.{domain}"))?,
    );
    let data = SOA::new(server, mailbox, 1, 3600, 600, 86400, NEGATIVE_TTL);
    Some(WireRecord::from_rdata(
        absolute(domain)?,
        NEGATIVE_TTL,
        RData::SOA(data),
    ))
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;

    use super::*;

    fn ask(name: &str, record_type: WireType, transport: Transport) -> Message {
        let many = |name: &str, record_type: RecordType| -> Vec<(u32, Data)> {
            match (name, record_type) {
                ("cloud.d", RecordType::A) => vec![(5, Data::A([172, 30, 0, 1].into()))],
                ("long.d", RecordType::Txt) => vec![(5, Data::Txt("x".repeat(600)))],
                ("www.d", RecordType::Cname) => vec![(5, Data::Cname("cloud.d".into()))],
                _ => Vec::new(),
            }
        };
        let zone = Zone::new("d", &many, &|suffix| suffix == ".d");
        let mut question = Message::query();
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
        let answer = answer(&question.to_vec().unwrap(), "d", transport, &zone).unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        assert_eq!(answer.metadata.id, question.metadata.id);
        assert_eq!(answer.queries, question.queries);
        answer
    }

    #[test]
    fn an_address_is_told() {
        let answer = ask("www.d.", WireType::A, Transport::Udp);
        let text: Vec<String> = answer.answers.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["www.d. 5 IN CNAME cloud.d.", "cloud.d. 5 IN A 172.30.0.1"]);
        assert!(answer.metadata.authoritative && answer.authorities.is_empty());
    }

    #[test]
    fn what_is_not_there_is_not_remembered_for_long() {
        let answer = ask("none.d.", WireType::A, Transport::Udp);
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(
            answer.authorities[0].to_string(),
            "d. 1 IN SOA cloud.d. root.d. 1 3600 600 86400 1"
        );
        let answer = ask("cloud.d.", WireType::AAAA, Transport::Udp);
        assert_eq!(
            (answer.metadata.response_code, answer.authorities.len()),
            (ResponseCode::NoError, 1)
        );
        assert_eq!(
            ask("cloud.d.", WireType::MX, Transport::Udp).metadata.response_code,
            ResponseCode::NoError
        );
    }

    #[test]
    fn other_zones_are_refused() {
        let answer = ask("example.org.", WireType::A, Transport::Udp);
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    }

    #[test]
    fn what_does_not_fit_comes_over_tcp() {
        let answer = ask("long.d.", WireType::TXT, Transport::Udp);
        assert!(answer.metadata.truncation && answer.answers.is_empty());
        let answer = ask("long.d.", WireType::TXT, Transport::Tcp);
        assert!(!answer.metadata.truncation && answer.answers.len() == 1);
    }

    #[test]
    fn nonsense_is_answered_once() {
        let zone = Zone::new("d", &|_, _| Vec::new(), &|_| false);
        let answer_to = |bytes: &[u8]| answer(bytes, "d", Transport::Udp, &zone);
        let error = Message::from_vec(&answer_to(&[0x12, 0x34, 0x01, 0x00, 0xff]).unwrap()).unwrap();
        assert_eq!(
            (error.metadata.id, error.metadata.response_code),
            (0x1234, ResponseCode::FormErr)
        );
        assert_eq!(answer_to(&[0x12, 0x34, 0x81, 0x00, 0xff]), None);
        assert_eq!(answer_to(&[]), None);
    }
}
