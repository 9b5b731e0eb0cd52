// Randomness that the host can repeat: ChaCha with 12 rounds (RFC 8439's block function), keyed with the execution's
// seed. It is a cipher, so that what a client sees of it (an id) says nothing about what it does not (a token).

const randomInput = new Uint32Array(16); // constants, key, block counter (64 bits), zero
const randomBlock = new Uint32Array(16);
let randomUsed = 16; // words of randomBlock that are spent

// `words` are up to eight numbers of 32 bits.
function seedRandom(words) {
  randomInput[0] = 0x61707865;
  randomInput[1] = 0x3320646e;
  randomInput[2] = 0x79622d32;
  randomInput[3] = 0x6b206574;
  for (let word = 0; word < 8; word += 1) randomInput[4 + word] = words[word] ?? 0;
  for (let word = 12; word < 16; word += 1) randomInput[word] = 0;
  randomUsed = 16;
}

function quarterRound(words, a, b, c, d) {
  let x;
  words[a] += words[b];
  x = words[d] ^ words[a];
  words[d] = (x << 16) | (x >>> 16);
  words[c] += words[d];
  x = words[b] ^ words[c];
  words[b] = (x << 12) | (x >>> 20);
  words[a] += words[b];
  x = words[d] ^ words[a];
  words[d] = (x << 8) | (x >>> 24);
  words[c] += words[d];
  x = words[b] ^ words[c];
  words[b] = (x << 7) | (x >>> 25);
}

function nextRandomBlock() {
  const words = randomBlock;
  for (let word = 0; word < 16; word += 1) words[word] = randomInput[word];
  for (let round = 0; round < 12; round += 2) {
    quarterRound(words, 0, 4, 8, 12);
    quarterRound(words, 1, 5, 9, 13);
    quarterRound(words, 2, 6, 10, 14);
    quarterRound(words, 3, 7, 11, 15);
    quarterRound(words, 0, 5, 10, 15);
    quarterRound(words, 1, 6, 11, 12);
    quarterRound(words, 2, 7, 8, 13);
    quarterRound(words, 3, 4, 9, 14);
  }
  for (let word = 0; word < 16; word += 1) words[word] += randomInput[word];
  randomInput[12] += 1;
  if (randomInput[12] === 0) randomInput[13] += 1;
  randomUsed = 0;
}

function randomWord() {
  if (randomUsed === 16) nextRandomBlock();
  randomUsed += 1;
  return randomBlock[randomUsed - 1];
}

function fillWithRandom(bytes) {
  let word = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    word = at % 4 === 0 ? randomWord() : word >>> 8;
    bytes[at] = word;
  }
}

// 53 bits, as every double in [0, 1) that Math.random may give.
define(
  Math,
  "random",
  { random: () => ((randomWord() >>> 5) * 67108864 + (randomWord() >>> 6)) / 9007199254740992 }.random,
);
