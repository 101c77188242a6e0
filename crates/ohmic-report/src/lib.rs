//! A results table becomes figures and a self-contained page.
