// stats.js - Welch's t-test, as in `vm profile compare` (docs/profile.md): from n, mean and
// standard deviation of both sides.
function logGamma(x) {
  // Lanczos, g = 7, n = 9
  const c = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7]
  x -= 1
  let a = c[0]
  for (let i = 1; i < 9; i++) a += c[i] / (x + i)
  const t = x + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(a)
}

// The regularised incomplete beta function, by Lentz's continued fraction.
function beta(x, a, b) {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a)
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a
  let f = 1, c = 1, d = 0
  for (let i = 0; i <= 300; i++) {
    const m = i >> 1
    const n = i === 0 ? 1 : i % 2 === 0 ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + n * d || 1e-30)
    c = 1 + n / c || 1e-30
    f *= c * d
    if (Math.abs(1 - c * d) < 1e-12) break
  }
  return front * (f - 1)
}

// The two-sided p-value, or NaN if it is undefined.
export function welch(a, b) {
  if (!(a.n > 1 && b.n > 1)) return NaN
  const va = a.stdev_ms ** 2 / a.n
  const vb = b.stdev_ms ** 2 / b.n
  if (va + vb === 0) return a.mean_ms === b.mean_ms ? 1 : 0
  const t = (b.mean_ms - a.mean_ms) / Math.sqrt(va + vb)
  const df = (va + vb) ** 2 / (va ** 2 / (a.n - 1) + vb ** 2 / (b.n - 1))
  return beta(df / (df + t * t), df / 2, 0.5)
}
