// Payload codec of trapnode messages, LoRa Alliance TS013-1.0.0, in ECMAScript 5.1: for The Things
// Stack and ChirpStack v4. A message is sealed, and its key is not the network's to know: this hands
// the bytes and the header through. The format is the docstring of trapnode/message/__init__.py.

var VERSION = 1;
var KINDS = {
  1: "observations",
  2: "status",
  3: "card_failed",
  4: "suppressed",
  5: "answer",
  6: "fragment",
  8: "commands"
};
var COMMANDS = 8;
var FRAGMENT = 6;
var LEAST = 12; // Header 3, body 1, tag 8.
var MOST = 50;
var MOST_FRAGMENT = 340;
var PORT = 2; // Where a downlink goes that names no port.

function toHex(bytes) {
  var hex = "";
  for (var i = 0; i < bytes.length; i++) {
    hex += ("0" + bytes[i].toString(16)).slice(-2);
  }
  return hex;
}

function toBytes(hex) {
  var bytes = [];
  for (var i = 0; i < hex.length; i += 2) {
    bytes.push(parseInt(hex.substr(i, 2), 16));
  }
  return bytes;
}

// What is wrong with a message that goes this way, or nothing.
function fault(bytes, down) {
  if (!bytes || bytes.length < LEAST) {
    return "message of " + (bytes ? bytes.length : 0) + " bytes: " + LEAST + " at least";
  }
  var version = bytes[0] >> 4;
  if (version !== VERSION) {
    return "message version " + version + ": this codec reads " + VERSION;
  }
  var kind = bytes[0] & 15;
  if (!KINDS[kind]) {
    return "message kind " + kind + " is not known";
  }
  if ((kind === COMMANDS) !== down) {
    return KINDS[kind] + (down ? ": does not go down" : ": does not come up");
  }
  var most = kind === FRAGMENT ? MOST_FRAGMENT : MOST;
  if (bytes.length > most) {
    return "message of " + bytes.length + " bytes: " + KINDS[kind] + " has " + most + " at most";
  }
  return "";
}

function told(bytes) {
  return {
    version: bytes[0] >> 4,
    kind: KINDS[bytes[0] & 15],
    counter16: bytes[1] * 256 + bytes[2],
    hex: toHex(bytes)
  };
}

function decoded(bytes, down) {
  var wrong = fault(bytes, down);
  return wrong ? { errors: [wrong] } : { data: told(bytes), warnings: [] };
}

function decodeUplink(input) {
  return decoded(input.bytes, false);
}

function decodeDownlink(input) {
  return decoded(input.bytes, true);
}

// Takes { hex: sealed downlink [, fPort: 1 to 223] }.
function encodeDownlink(input) {
  var data = input.data || {};
  if (typeof data.hex !== "string" || !/^([0-9a-fA-F]{2})*$/.test(data.hex)) {
    return { errors: ["hex: the bytes of a sealed downlink, two digits each"] };
  }
  var port = data.fPort === undefined ? PORT : data.fPort;
  if (typeof port !== "number" || port % 1 !== 0 || port < 1 || port > 223) {
    return { errors: ["fPort " + port + ": 1 to 223"] };
  }
  var bytes = toBytes(data.hex);
  var wrong = fault(bytes, true);
  return wrong ? { errors: [wrong] } : { bytes: bytes, fPort: port, warnings: [] };
}
