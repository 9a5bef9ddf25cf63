//! stub until merged
crate::text_enum! {
    /// How an account stands.
    pub enum AccountStatus {
        /// Open.
        Active = "active",
        /// Settled.
        Paid = "paid",
        /// Paid in part.
        Partial = "partial",
        /// Contested.
        Disputed = "disputed",
        /// Out of work.
        Archived = "archived",
    }
}
