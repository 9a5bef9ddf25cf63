//! The sandbox: time, faults and its answers against the document.
