//! A stored sample as JSON: the documented frame with our analysis in it.
//!
//! Each quantity has its standard uncertainty beside it.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sqal_core::{
    Channel, Defect, Grid, Measured, Purpose, Sample, SpectralFindings, Spectrum, TofFindings, TofFrame, Verdict,
    analyze::Assessment, findings::ArealParameters, verdict::Language,
};

use crate::reference::hash;
use crate::time::rfc3339;

/// A sample as clients read it. Its shape is that of the documented frame (ING-03 to ING-09), so it
/// can be sent as one.
#[derive(Debug, Serialize)]
pub struct Document {
    id: String,
    r#type: &'static str,
    timestamp: String,
    received_at: String,
    device_id: String,
    sample_id: String,
    vl53l8ch: Option<Value>,
    as7341: Option<Value>,
    fusion: Value,
    meta: Value,
    processing_time_ms: f64,
    /// What the device concluded itself, by block (ING-10).
    #[serde(skip_serializing_if = "Value::is_null")]
    reported: Value,
}

/// The document of a sample.
///
/// ```
/// use sqal_protocol::document::document;
/// use sqal_protocol::frame::parse;
/// # use sqal_core::sample::Meta;
/// # use sqal_core::{Defects, Inspection, Name, ProfileRef, Purpose, Sample, SampleKey, Timestamp, Verdict};
/// # fn sample() -> Sample {
/// #     let timestamp = Timestamp::from_micros(1_729_983_600_000_000).unwrap();
/// #     let key = SampleKey { device_id: "D".parse().unwrap(), timestamp, name: "S".parse().unwrap() };
/// #     let verdict = Verdict::unmeasured(Defects::new());
/// #     Sample {
/// #         key, received_at: timestamp, tof: None, spectrum: None, reported: None, processing_micros: 0,
/// #         inspection: Inspection { tof: None, spectral: None, verdict },
/// #         meta: Meta { firmware_version: None, temperature_c: None, humidity_percent: None },
/// #         profile: ProfileRef { name: "p".parse().unwrap(), version: 1, hash: [0; 16] },
/// #         beside: Default::default(), purpose: Purpose::Product,
/// #     }
/// # }
///
/// let sample = sample();
/// let text = serde_json::to_string(&document(&sample)).unwrap();
/// assert!(text.contains(r#""timestamp":"2024-10-26T23:00:00Z""#));
/// // The document is a frame again; this one has no readings.
/// assert_eq!(parse(&text).unwrap_err()[0].value, "a frame without readings");
/// ```
#[must_use]
pub fn document(sample: &Sample) -> Document {
    let inspection = &sample.inspection;
    // This program wrote the text, so it can be parsed.
    let mut beside: Value =
        sample.beside.text().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let mut meta = json!({
        "firmware_version": sample.meta.firmware_version.map(|version| version.to_string()),
        "temperature_c": sample.meta.temperature_c,
        "humidity_percent": sample.meta.humidity_percent,
        "config_profile": sample.profile.name.to_string(),
        "profile_version": sample.profile.version,
        "profile_hash": hash(sample.profile.hash),
    });
    if sample.purpose != Purpose::Product {
        meta["purpose"] = json!(sample.purpose.as_str());
    }
    if let Some(unknown) = beside.get_mut("unknown") {
        // Side values that are not valid, each with the reason why it is null.
        meta["unknown"] = unknown.take();
    }
    Document {
        id: sample.id().to_string(),
        r#type: "sensor_data",
        timestamp: rfc3339(sample.key.timestamp),
        received_at: rfc3339(sample.received_at),
        device_id: sample.key.device_id.to_string(),
        sample_id: sample.key.name.to_string(),
        vl53l8ch: sample.tof.as_ref().map(|frame| tof(frame, inspection.tof.as_ref())),
        as7341: sample.spectrum.as_ref().map(|spectrum| spectral(spectrum, inspection.spectral.as_ref())),
        fusion: fusion(&inspection.verdict, sample),
        meta,
        processing_time_ms: f64::from(sample.processing_micros) / 1000.0,
        reported: beside.get_mut("reported").map_or(Value::Null, Value::take),
    }
}

/// A sample as the frame that its device sent: `fusion` holds what the device concluded, not what
/// was decided here.
#[must_use]
pub fn frame_of(sample: &Sample) -> Document {
    let reported = sample.reported.map(|r| json!({ "final_score": r.score, "final_grade": r.grade }));
    Document { fusion: json!({ "reported": reported }), ..document(sample) }
}

fn rows<T: Serialize>(grid: &Grid<T>) -> Value {
    json!(grid.rows())
}

fn tof(frame: &TofFrame, assessment: Option<&Assessment<TofFindings>>) -> Value {
    let reading = frame.reading();
    let mut block = Map::new();
    let mut put = |name: &str, value: Value| block.insert(name.to_owned(), value);
    put("distance_matrix", rows(&reading.distance_mm));
    put("reflectance_matrix", reading.reflectance_percent.as_ref().map_or(Value::Null, rows));
    put("amplitude_matrix", reading.amplitude_kcps.as_ref().map_or(Value::Null, rows));
    if let Some(sigma) = &reading.sigma_mm {
        put("sigma_matrix", rows(sigma));
    }
    if let Some(status) = &reading.status {
        put("status_matrix", rows(&status.map(|status| status.0)));
    }
    put("distance_kind", json!(reading.distance_kind));
    let findings = assessment.map(|a| &a.findings);
    put("height_matrix", findings.and_then(|f| f.height_mm.as_ref()).map_or(Value::Null, rows));
    let mut bins = findings.and_then(|f| f.bins_analysis).map_or_else(|| json!({}), |bins| json!(bins));
    if let Some(pulses) = findings.and_then(|f| f.pulse_analysis) {
        bins["pulses"] = json!(pulses);
    }
    put("bins_analysis", bins);
    let reflectance = findings.and_then(|f| f.reflectance_analysis).map(|r| {
        json!({
            "mean": r.mean.value(), "mean_u": r.mean.u(), "sd": r.sd, "cv": r.cv,
            "min": r.min, "p05": r.p05, "median": r.median, "p95": r.p95, "max": r.max,
            "uniformity": r.uniformity.map(Measured::value), "uniformity_u": r.uniformity.map(Measured::u),
            "morans_i": r.morans_i,
        })
    });
    put("reflectance_analysis", reflectance.unwrap_or_else(|| json!({})));
    let areal = |f: fn(&TofFindings) -> Option<ArealParameters>| json!(findings.and_then(f));
    put("areal", json!({ "raw": areal(|f| f.areal), "levelled": areal(|f| f.areal_levelled) }));
    put("valid_zones", json!(findings.map(|f| f.valid_zones)));
    let measured = |f: fn(&TofFindings) -> Option<Measured>| findings.and_then(f);
    let quantities = [
        ("volume_mm3", measured(|f| f.volume_mm3)),
        ("avg_height_mm", measured(|f| f.avg_height_mm)),
        ("surface_uniformity", measured(|f| f.surface_uniformity)),
        ("height_variation_mm", measured(|f| f.height_variation_mm)),
        ("tilt_deg", measured(|f| f.tilt_deg)),
        ("quality_score", assessment.and_then(|a| a.score)),
    ];
    finish(block, &quantities, assessment)
}

fn spectral(spectrum: &Spectrum, assessment: Option<&Assessment<SpectralFindings>>) -> Value {
    let by_channel = |value: &dyn Fn(Channel) -> Value| -> Value {
        Channel::ALL
            .into_iter()
            .map(|channel| (channel.as_str().to_owned(), value(channel)))
            .collect::<Map<_, _>>()
            .into()
    };
    let findings = assessment.map(|a| &a.findings);
    let mut block = Map::new();
    let mut put = |name: &str, value: Value| block.insert(name.to_owned(), value);
    put("channels", by_channel(&|channel| json!(spectrum.counts(channel))));
    put("integration_time", json!(spectrum.integration_time().millis()));
    put("gain", json!(spectrum.gain().multiplier()));
    put("full_scale", json!(spectrum.integration_time().full_scale()));
    put("adc_status", json!(spectrum.adc_status()));
    let known = findings.filter(|f| f.reflectance.iter().any(Option::is_some));
    let reflectance = known.map(|f| by_channel(&|channel| json!(f.reflectance[channel.index()].map(Measured::value))));
    let basic = findings.map(|f| by_channel(&|channel| json!(f.basic_counts[channel.index()])));
    put(
        "spectral_analysis",
        json!({
            "basic_counts": basic,
            "reflectance": reflectance,
            "snr": findings.and_then(|f| f.snr),
            "nir_to_clear": findings.and_then(|f| f.nir_to_clear).map(Measured::value),
            "outlier": findings.and_then(|f| f.outlier),
        }),
    );
    let color = findings.and_then(|f| f.color).map(|c| {
        let quantities = [
            ("L", Some(c.l)),
            ("a", Some(c.a)),
            ("b", Some(c.b)),
            ("C", Some(c.chroma)),
            ("h_deg", c.hue_deg),
            ("delta_e00", c.delta_e00),
        ];
        let values = quantities.iter().map(|(name, q)| ((*name).to_owned(), json!(q.map(Measured::value))));
        let us = quantities.iter().map(|(name, q)| ((*name).to_owned(), json!(q.map(Measured::u))));
        let mut block: Map<_, _> = values.collect();
        block.insert("uncertainty".to_owned(), us.collect::<Map<_, _>>().into());
        block.insert("xyz".to_owned(), json!(c.xyz));
        block.insert("yellowness_e313".to_owned(), json!(c.yellowness));
        Value::Object(block)
    });
    // Without a colour map the block is empty.
    put("color_analysis", color.unwrap_or_else(|| json!({})));
    let measured = |f: fn(&SpectralFindings) -> Option<Measured>| findings.and_then(f);
    let quantities = [
        ("freshness_index", measured(|f| f.freshness_index)),
        ("fat_quality_index", measured(|f| f.fat_quality_index)),
        ("oxidation_index", measured(|f| f.oxidation_index)),
        ("color_uniformity", measured(|f| f.color_uniformity)),
        ("color_score", measured(|f| f.color_score)),
        ("quality_score", assessment.and_then(|a| a.score)),
    ];
    finish(block, &quantities, assessment)
}

/// Adds what both blocks have: quantities with their uncertainties, grade, defects, flags.
fn finish<F>(
    mut block: Map<String, Value>,
    quantities: &[(&str, Option<Measured>)],
    assessment: Option<&Assessment<F>>,
) -> Value {
    let mut uncertainty = Map::new();
    for (name, quantity) in quantities {
        block.insert((*name).to_owned(), json!(quantity.map(Measured::value)));
        uncertainty.insert((*name).to_owned(), json!(quantity.map(Measured::u)));
    }
    block.insert("uncertainty".to_owned(), uncertainty.into());
    block.insert("grade".to_owned(), json!(assessment.and_then(|a| a.grade)));
    block.insert("defects".to_owned(), assessment.map_or(json!([]), |a| defects(&a.defects)));
    let flags = assessment.map_or_else(Vec::new, |a| a.flags.iter().map(|flag| flag.as_str().into()).collect());
    block.insert("flags".to_owned(), Value::Array(flags));
    block.into()
}

fn defects(defects: &[Defect]) -> Value {
    let one = |defect: &Defect| {
        json!({
            "kind": defect.kind.as_str(),
            "severity": defect.severity.as_str(),
            "zones": defect.zones.iter().collect::<Vec<_>>(),
            "probability": defect.probability.get(),
            "area_mm2": defect.extent.map(|extent| extent.area_mm2),
            "depth_mm": defect.extent.map(|extent| extent.depth_mm),
            "volume_mm3": defect.extent.map(|extent| extent.volume_mm3),
        })
    };
    defects.iter().map(one).collect()
}

fn fusion(verdict: &Verdict, sample: &Sample) -> Value {
    json!({
        "final_score": verdict.score.map(Measured::value),
        "final_score_u": verdict.score.map(Measured::u),
        "final_grade": verdict.grade,
        "point_grade": verdict.point_grade,
        "vl53l8ch_score": verdict.tof_score.map(Measured::value),
        "as7341_score": verdict.spectral_score.map(Measured::value),
        "confidence": verdict.stated_confidence(),
        "confidence_raw": verdict.confidence,
        "calibration": verdict.calibrated.map(|calibrated| calibrated.version),
        "conformity_probability": verdict.conformity_probability,
        "conformity_at_worst": verdict.conformity_at_worst(),
        "coverage": verdict.coverage,
        "unseen": {
            "area": verdict.unseen.area,
            "window": verdict.unseen.window,
            "channels": verdict.unseen.channels,
            "sensors": verdict.unseen.sensors,
            "evidence": verdict.unseen.evidence,
        },
        "conflict": verdict.conflict,
        "defects": defects(&verdict.defects),
        "explanation": {
            "en": verdict.explain(Language::English).to_string(),
            "fr": verdict.explain(Language::French).to_string(),
        },
        "reported": sample.reported.map(|r| json!({ "final_score": r.score, "final_grade": r.grade })),
    })
}
