// The decoder: layers with weights, run on typed arrays that lie channels last.

/** Reads quantised weights: whole numbers of 8 bits, of up to 16 in two planes, or floats. */
function readWeights(bytes, place, count, bits) {
  if (bits === 32) return new Float32Array(bytes, place, count);
  if (bits === 8) return new Int8Array(bytes, place, count);
  const low = new Uint8Array(bytes, place, count);
  const high = new Int8Array(bytes, place + count, count);
  return Int16Array.from(low, (value, i) => value + 256 * high[i]);
}

/** Makes a layer ready to run from its description and the page's bytes. */
function prepareLayer(about, bytes, bits) {
  const { kind, activation, inputs, outputs, height, width } = about;
  const per = kind === "linear" ? inputs : inputs * 16;
  const whole = readWeights(bytes, about.weights, outputs * per, bits);
  const scales = new Float32Array(bytes, about.scales, outputs);
  const bias = new Float32Array(bytes, about.biases, outputs);
  const weights = new Float32Array(whole.length);
  for (let o = 0, i = 0; o < outputs; o++) {
    for (const end = i + per; i < end; i++) weights[i] = whole[i] * scales[o];
  }
  const layer = { kind, activation, inputs, outputs, height, width, bias };
  if (kind === "linear") {
    return { ...layer, weights, output: new Float32Array(outputs) };
  }
  return {
    ...layer,
    weights: byPhase(weights, inputs, outputs),
    padded: new Float32Array((height + 2) * (width + 2) * inputs),
    output: new Float32Array(4 * height * width * outputs),
  };
}

/**
 * Sorts kernels [O, C, 4, 4] by the output pixel's parity, [2, 2, O, 2, 2, C]: an even row of the
 * output takes rows 3 and 1 of the kernel from the input row before and its own, an odd one rows
 * 2 and 0 from its own and the next.
 */
function byPhase(weights, channels, outputs) {
  const sorted = new Float32Array(weights.length);
  let place = 0;
  for (let a = 0; a < 2; a++) for (let b = 0; b < 2; b++) {
    for (let o = 0; o < outputs; o++) {
      for (let u = 0; u < 2; u++) for (let v = 0; v < 2; v++) {
        const tap = (3 - a - 2 * u) * 4 + 3 - b - 2 * v;
        for (let c = 0; c < channels; c++) sorted[place++] = weights[(o * channels + c) * 16 + tap];
      }
    }
  }
  return sorted;
}

function runLinear(layer, values) {
  const { weights, bias, inputs, outputs, output } = layer;
  const end = inputs - (inputs % 4);
  for (let o = 0, p = 0; o < outputs; o++) {
    let s0 = bias[o], s1 = 0, s2 = 0, s3 = 0, i = 0;
    for (; i < end; i += 4, p += 4) {
      s0 += weights[p] * values[i];
      s1 += weights[p + 1] * values[i + 1];
      s2 += weights[p + 2] * values[i + 2];
      s3 += weights[p + 3] * values[i + 3];
    }
    for (; i < inputs; i++, p++) s0 += weights[p] * values[i];
    output[o] = s0 + s1 + (s2 + s3);
  }
  return output;
}

function runDouble(layer, values) {
  const { weights, bias, inputs, outputs, height, width, padded, output } = layer;
  const line = (width + 2) * inputs;
  for (let y = 0; y < height; y++) {
    const row = values.subarray(y * width * inputs, (y + 1) * width * inputs);
    padded.set(row, (y + 1) * line + inputs);
  }
  const run = 2 * inputs;
  for (let a = 0; a < 2; a++) for (let b = 0; b < 2; b++) {
    const first = (2 * a + b) * outputs * 2 * run;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const above = (y + a) * line + (x + b) * inputs;
      const below = above + line;
      let place = ((2 * y + a) * 2 * width + 2 * x + b) * outputs;
      for (let o = 0, p = first; o < outputs; o++, p += 2 * run) {
        const q = p + run;
        let s0 = bias[o], s1 = 0, s2 = 0, s3 = 0;
        for (let i = 0; i < run; i += 2) {
          s0 += weights[p + i] * padded[above + i];
          s1 += weights[p + i + 1] * padded[above + i + 1];
          s2 += weights[q + i] * padded[below + i];
          s3 += weights[q + i + 1] * padded[below + i + 1];
        }
        output[place++] = s0 + s1 + (s2 + s3);
      }
    }
  }
  return output;
}

function activate(kind, values) {
  if (kind === "relu") {
    for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  } else if (kind === "tanh") {
    for (let i = 0; i < values.length; i++) values[i] = Math.tanh(values[i]);
  }
}

/**
 * Makes a function from a code and a label to brightness in [0, 1], [H, W, C]. What it returns is
 * overwritten by the next call.
 */
function makeDecoder(about, bytes) {
  const layers = about.layers.map((layer) => prepareLayer(layer, bytes, about.bits));
  const input = new Float32Array(about.latents.length + about.labels.length);
  const brightness = new Float32Array(about.channels * about.height * about.width);
  return (code, label) => {
    input.fill(0);
    input.set(code);
    if (about.labels.length) input[code.length + label] = 1;
    let values = input;
    for (const layer of layers) {
      values = layer.kind === "linear" ? runLinear(layer, values) : runDouble(layer, values);
      activate(layer.activation, values);
    }
    for (let i = 0; i < brightness.length; i++) {
      const value = values[i];
      brightness[i] = about.bernoulli ? 1 / (1 + Math.exp(-value))
        : value < 0 ? 0 : value > 1 ? 1 : value;
    }
    return brightness;
  };
}
