//! The station's rules in virtual time, a sentence each, and a model that breaks them if it can.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick one kind of action out of many")]

mod call;
mod door;
mod lab;
mod model;
mod participants;
mod station;
