//! The platform that every role stands on
