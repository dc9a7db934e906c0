//! A disk whose syncs wait until a test lets them through.
