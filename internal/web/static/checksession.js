// The check_session_iframe's script (OpenID Connect Session Management 1.0 §3.3). A client's frame posts "client_id
// session_state" to it and hears whether that is still the state of this browser. It hashes by itself and keeps to
// old syntax: crypto.subtle is not there in every page that may frame this one.
(function () {
  'use strict';
  var K = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
  ];

  function rotated(x, n) { return (x >>> n) | (x << (32 - n)); }

  // One block of the compression function (FIPS 180-4 §6.2.2).
  function compress(hash, words) {
    var w = words.slice(), v = hash.slice(), t, x, y;
    for (t = 16; t < 64; t++) {
      x = w[t - 15];
      y = w[t - 2];
      w[t] = (w[t - 16] + (rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3)) + w[t - 7] + (rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10))) | 0;
    }
    for (t = 0; t < 64; t++) {
      x = (v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[t] + w[t]) | 0;
      y = ((rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))) | 0;
      v = [(x + y) | 0, v[0], v[1], v[2], (v[3] + x) | 0, v[4], v[5], v[6]];
    }
    for (t = 0; t < 8; t++) hash[t] = (hash[t] + v[t]) | 0;
  }

  // SHA-256 of a text in UTF-8, in hexadecimal.
  function sha256(text) {
    var bytes = unescape(encodeURIComponent(text));
    var hash = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    var words = [], size = ((bytes.length + 8) >> 6) * 16 + 16, i, hex = '';
    for (i = 0; i < size; i++) words[i] = 0;
    for (i = 0; i < bytes.length; i++) words[i >> 2] |= bytes.charCodeAt(i) << (24 - (i % 4) * 8);
    words[bytes.length >> 2] |= 0x80 << (24 - (bytes.length % 4) * 8);
    words[size - 1] = bytes.length * 8;
    for (i = 0; i < size; i += 16) compress(hash, words.slice(i, i + 16));
    for (i = 0; i < 8; i++) hex += ('0000000' + (hash[i] >>> 0).toString(16)).slice(-8);
    return hex;
  }

  function browserState() {
    var found = /(?:^|; )__Host-usher-browser-state=([0-9a-f]*)/.exec(document.cookie);
    return found ? found[1] : '';
  }

  function answer(message, origin, state) {
    var parts = /^(.+) ([0-9a-f]{64})\.([A-Za-z0-9_-]+)$/.exec(typeof message === 'string' ? message : '');
    if (!parts) return 'error';
    return sha256(parts[1] + ' ' + origin + ' ' + state + ' ' + parts[3]) === parts[2] ? 'unchanged' : 'changed';
  }

  window.addEventListener('message', function (event) {
    var source = event.source, origin = event.origin, state = browserState();
    if (!source || source === window || origin === 'null') return;
    var reply = function (sees) {
      source.postMessage(sees ? answer(event.data, origin, state) : 'error', origin);
    };
    // A browser that keeps cookies from this frame cannot tell a signed-out user from a signed-in one: that is an
    // error, since "changed" would send the client round for ever.
    if (state || !document.hasStorageAccess) return reply(true);
    document.hasStorageAccess().then(reply, function () { reply(false); });
  });
})();
