//! A sweep file becomes points, points become records: in parallel, resumable.
