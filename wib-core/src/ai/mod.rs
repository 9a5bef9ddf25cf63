//! stub until merged
/// stub
#[derive(Debug)]
pub struct Guarded;
