// The model: unpacked from the page, with everything that depends on it alone.

const about = JSON.parse(document.getElementById("about").textContent);
const latents = about.latents; // sorted by variance; codes are in the model's own order
const examples = about.examples;
const attributes = about.attributes;
const ATTRIBUTE_REACH = 2;

/** Unpacks weights and images, deflated and in base64. */
async function unpack() {
  const text = atob(document.getElementById("content").textContent);
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** A name that people can tell a real image by. */
function exampleName(place) {
  return `image ${place + 1}`;
}

function exampleSaid(place) {
  const { text } = examples[place];
  return text ? `${exampleName(place)}: ${text}` : exampleName(place);
}

function latentName(latent) {
  return `z${latent.latent}`;
}

/** The real image whose code lies nearest, for those who cannot see the picture. */
function nearest(code) {
  let best = 0, least = Infinity;
  examples.forEach((example, place) => {
    let sum = 0;
    for (let d = 0; d < code.length; d++) sum += (code[d] - example.code[d]) ** 2;
    if (sum < least) [best, least] = [place, sum];
  });
  return best;
}

/** A random code of the prior, or of what stands in for it: draws, or a Gaussian. */
function randomCode() {
  const { mean, factor, draws } = about.prior;
  if (draws) return [...draws[Math.floor(Math.random() * draws.length)]];
  const noise = mean.map(() =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
  return mean.map((centre, d) => centre + (factor
    ? factor[d].reduce((sum, weight, k) => sum + weight * noise[k], 0)
    : noise[d]));
}

/** Draws brightness in [0, 1], [H, W, C], or bytes 0 to 255, into a canvas at a column and row. */
function paint(canvas, values, scale, column = 0, row = 0) {
  const { channels, height, width } = about;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let pixel = 0, i = 0; pixel < width * height; pixel++, i += channels) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * pixel + c] = Math.round(scale * values[i + (channels === 3 ? c : 0)]);
    }
    image.data[4 * pixel + 3] = 255;
  }
  context.putImageData(image, column * width, row * height);
}

/** Makes a canvas hold tiles of the model's size. */
function size(canvas, columns = 1, rows = 1) {
  canvas.width = columns * about.width;
  canvas.height = rows * about.height;
  return canvas;
}
