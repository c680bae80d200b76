// Live SQAL page: loads recent trays, follows the event stream and draws one card per station.
// The files beside this one are joined to one script, in the order of their use.

const KEEP = 60; // trays remembered per station
const MOST_STATIONS = 1000; // names of devices are untrusted: a flood of them must not exhaust the browser
const SATURATED = 0.98;
const REOPEN_MS = 3000;
const SIDE = 8;
const GRADES = ["A+", "A", "B", "C", "REJECT"];
