//! The context of the work of this moment: of the current span, of any span, and for a layer.

use std::sync::{Arc, Mutex};

use sqal_telemetry::held::{HeadSampling, HeldTraces};
use sqal_telemetry::{TraceContext, context_in, context_of, current};
use tracing::{Event, Span, Subscriber, debug_span, info};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

use crate::harness::{Sink, kept, names, only, random, span};

#[test]
fn without_a_layer_there_is_no_context() {
    assert_eq!(current(), None);
    let span = debug_span!("alone");
    assert_eq!(context_of(&span), None);
    assert_eq!(context_of(&Span::none()), None);
    let subscriber = tracing_subscriber::registry();
    tracing::subscriber::with_default(subscriber, || {
        debug_span!("not followed").in_scope(|| assert_eq!(current(), None));
    });
}

#[test]
fn the_context_of_a_span_is_that_which_its_trace_shows() {
    let mut shown = Vec::new();
    let trace = only(|_| {
        assert_eq!(current(), None, "outside of every span");
        let root = debug_span!("root");
        shown.push(context_of(&root).unwrap());
        let _entered = root.enter();
        assert_eq!(current(), Some(shown[0]));
        let within = debug_span!("within");
        assert_eq!(current(), Some(shown[0]));
        within.in_scope(|| shown.push(current().unwrap()));
        assert_eq!(context_of(&within), Some(shown[1]));
    });
    for (context, name) in shown.iter().zip(["root", "within"]) {
        assert_eq!(*context, TraceContext::new(trace.id, span(&trace, name).id, true));
    }
}

#[test]
fn the_context_of_a_trace_that_is_not_sampled_says_so() {
    let taken = kept(HeadSampling::Never, |_| {
        debug_span!("root", otel.status_code = "ERROR").in_scope(|| assert!(!current().unwrap().sampled));
    });
    assert_eq!(taken.len(), 1);
}

/// Sees every span, and notes the context of each event.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<Option<TraceContext>>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Everything {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event);
        self.0.lock().unwrap().push(span.and_then(|span| context_in(&span)));
    }
}

#[test]
fn a_span_that_another_layer_alone_sees_belongs_to_the_followed_span_above_it() {
    let (sink, everything) = (Arc::new(Sink::default()), Everything::default());
    let held = HeldTraces::new(sink.clone(), HeadSampling::Always, &["held"], random);
    let subscriber = tracing_subscriber::registry().with(everything.clone()).with(held.layer());
    let mut contexts = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        info!("outside");
        debug_span!("root").in_scope(|| {
            contexts.push(current());
            debug_span!(target: "elsewhere", "unseen").in_scope(|| {
                assert_eq!(current(), contexts[0]);
                info!("within the unseen");
                debug_span!("within").in_scope(|| {
                    info!("within");
                    contexts.push(current());
                });
            });
        });
    });
    let noted = everything.0.lock().unwrap();
    assert_eq!(*noted, [None, contexts[0], contexts[1]]);
    assert_ne!(contexts[0], contexts[1]);
    let trace = &sink.taken()[0];
    assert_eq!(names(trace), ["root", "within"]);
    assert_eq!(span(trace, "within").parent, Some(span(trace, "root").id));
}
