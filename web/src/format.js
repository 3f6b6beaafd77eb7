// format.js - formats numbers.
export function bytes(n) {
  if (!Number.isFinite(n)) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++ }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`
}

export function ms(n) {
  if (!Number.isFinite(n)) return '–'
  if (n < 1000) return `${Math.round(n)} ms`
  if (n < 120000) return `${(n / 1000).toFixed(2)} s`
  return duration(n)
}

export function duration(n) {
  const s = Math.floor(n / 1000)
  const two = x => String(x).padStart(2, '0')
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`
}

export function median(list) {
  if (list.length === 0) return NaN
  const s = [...list].sort((a, b) => a - b)
  const m = s.length >> 1
  return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2
}
