//! The link-layer address behind an address of the own link (rtnetlink(7)): a host there takes as many addresses as it
//! likes, and has one of these.

use std::io::{Read as _, Write as _};
use std::net::IpAddr;

use socket2::{Domain, Socket, Type};

/// An Ethernet or Wi-Fi address.
pub(crate) type LinkAddress = [u8; 6];

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NLM_F_REQUEST: u16 = 1;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// Of `struct nlmsghdr`, `struct ndmsg` and `struct rtattr`.
const HEAD_BYTES: usize = 16;
const NEIGHBOUR_BYTES: usize = 12;
const ATTRIBUTE_BYTES: usize = 4;
/// Answers that came too late for their question and are passed over.
const MAX_STALE: usize = 8;

/// The kernel's table of neighbours.
pub(crate) struct Neighbours {
    /// `None` where the sandbox allows no such socket.
    socket: Option<Socket>,
    asked: u32,
}

impl Neighbours {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW.nonblocking().cloexec(), None).ok();
        Self { socket, asked: 0 }
    }

    /// The link-layer address of a neighbour on an interface; `None` when the kernel knows none. It answers at once.
    pub(crate) fn link_address(&mut self, address: IpAddr, interface: u32) -> Option<LinkAddress> {
        let mut socket = self.socket.as_ref()?;
        self.asked = self.asked.wrapping_add(1);
        socket.write_all(&question(self.asked, address, interface)).ok()?;
        let mut answer = [0; 512];
        for _ in 0..MAX_STALE {
            let length = socket.read(&mut answer).ok()?;
            if let Some(found) = read(&answer[..length], self.asked) {
                return found;
            }
        }
        None
    }
}

fn question(number: u32, address: IpAddr, interface: u32) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let attribute = ATTRIBUTE_BYTES + octets.len();
    let mut question = Vec::new();
    question.extend(length(HEAD_BYTES + NEIGHBOUR_BYTES + attribute).to_ne_bytes());
    question.extend(RTM_GETNEIGH.to_ne_bytes());
    question.extend(NLM_F_REQUEST.to_ne_bytes());
    question.extend(number.to_ne_bytes());
    question.extend(0_u32.to_ne_bytes());
    question.extend([u8::try_from(family).unwrap_or_default(), 0, 0, 0]);
    question.extend(interface.to_ne_bytes());
    question.extend([0; 4]);
    question.extend(u16::try_from(attribute).unwrap_or_default().to_ne_bytes());
    question.extend(NDA_DST.to_ne_bytes());
    question.extend(octets);
    question
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or_default()
}

/// What an answer says; `None` when it is none to the question with this number.
fn read(answer: &[u8], number: u32) -> Option<Option<LinkAddress>> {
    if u32_at(answer, 8)? != number {
        return None;
    }
    if u16_at(answer, 4)? != RTM_NEWNEIGH {
        return Some(None);
    }
    let mut attributes = answer.get(HEAD_BYTES + NEIGHBOUR_BYTES..).unwrap_or_default();
    while let (Some(bytes), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let bytes = usize::from(bytes);
        let value = attributes.get(ATTRIBUTE_BYTES..bytes).unwrap_or_default();
        if kind == NDA_LLADDR {
            return Some(value.try_into().ok().filter(|address| *address != LinkAddress::default()));
        }
        // Each begins at a multiple of four.
        attributes = attributes.get(bytes.max(ATTRIBUTE_BYTES).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(None)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: LinkAddress = [2, 0, 0, 0, 0, 7];

    fn answer(kind: u16, number: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0; NEIGHBOUR_BYTES];
        for (kind, value) in attributes {
            body.extend(u16::try_from(ATTRIBUTE_BYTES + value.len()).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut answer = length(HEAD_BYTES + body.len()).to_ne_bytes().to_vec();
        answer.extend(kind.to_ne_bytes());
        answer.extend([0; 2]);
        answer.extend(number.to_ne_bytes());
        answer.extend([0; 4]);
        answer.extend(body);
        answer
    }

    #[test]
    fn the_link_address_is_read_out_of_the_answer_to_its_question() {
        let good = answer(RTM_NEWNEIGH, 9, &[(NDA_DST, &[0; 16]), (8, &[1; 3]), (NDA_LLADDR, &PHONE)]);
        assert_eq!(read(&good, 9), Some(Some(PHONE)));
        assert_eq!(read(&good, 8), None, "of another question");
        assert_eq!(read(&answer(RTM_NEWNEIGH, 9, &[(NDA_DST, &[0; 16])]), 9), Some(None), "it is being looked for");
        assert_eq!(read(&answer(RTM_NEWNEIGH, 9, &[(NDA_LLADDR, &[0; 6])]), 9), Some(None));
        assert_eq!(read(&answer(2, 9, &[]), 9), Some(None), "there is no such neighbour");
    }

    #[test]
    fn an_answer_that_is_cut_short_says_nothing() {
        let good = answer(RTM_NEWNEIGH, 9, &[(NDA_DST, &[0; 16]), (NDA_LLADDR, &PHONE)]);
        for end in 0..good.len() - 2 {
            assert_eq!(read(&good[..end], 9).flatten(), None, "{end}");
        }
    }

    #[test]
    fn the_kernel_answers_for_an_address_that_nobody_has() {
        let mut neighbours = Neighbours::new();
        for address in ["192.0.2.99", "2001:db8::99"] {
            assert_eq!(neighbours.link_address(address.parse().unwrap(), 1), None);
        }
    }
}
