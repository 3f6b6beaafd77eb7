// report.js - a report of the profiler as tables and pictures, and the comparison of two.
import { url } from './api.js'
import { h } from './dom.js'
import { bytes, ms } from './format.js'
import { welch } from './stats.js'

const PICTURES = [['timeline.svg', 'Phases of each cell'], ['boxes.svg', 'Totals of each cell'], ['speedup.svg', 'Speed-up over processors']]

const scroll = (label, table) => h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': label }, table)
const heads = list => h('thead', h('tr', list.map(t => h('th', { scope: 'col' }, t))))

export function showReport(name, r) {
  const file = f => url(`profile/${encodeURIComponent(name)}/${f}`).href
  const cells = r.cells ?? []
  const phases = [...new Set(cells.flatMap(c => Object.keys(r[c]?.phases ?? {})))]
  return h('section', { 'aria-labelledby': 'report-title' },
    h('h3#report-title', name),
    h('p.muted', `${r.run.guest}, ${r.run.accelerator}, ${r.run.finished} of ${r.run.planned} boots${r.partial ? ', not complete' : ''}`),
    scroll('Totals', h('table.figures', heads(['Cell', 'n', 'Median', 'Mean', '95 %', 'Deviation', 'Fastest', 'Slowest', 'Processor', 'Memory', 'Failed']),
      h('tbody', cells.map(c => {
        const s = r[c].statistics ?? {}
        return h('tr', h('th', { scope: 'row' }, c), h('td', s.n), ...[s.median_ms, s.mean_ms].map(x => h('td', ms(x ?? NaN))),
          h('td', s.ci95_low_ms == null ? '–' : `${ms(s.ci95_low_ms)} to ${ms(s.ci95_high_ms)}`),
          ...[s.stdev_ms, s.min_ms, s.max_ms, s.cpu_mean_ms].map(x => h('td', ms(x ?? NaN))), h('td', bytes((s.peak_kib ?? NaN) * 1024)), h('td', { 'data-tone': s.failed ? 'bad' : null }, s.failed ?? 0))
      })))),
    failures(r, cells),
    phases.length > 0 && scroll('Phases', h('table.figures', heads(['Phase begins at', ...cells]),
      h('tbody', phases.map(p => h('tr', h('th', { scope: 'row' }, p), cells.map(c => h('td', ms(r[c].phases?.[p]?.at?.median_ms ?? NaN)))))))),
    h('div.pictures', PICTURES.filter(([f]) => f !== 'speedup.svg' || (cells.length > 1 && cells.some(c => r[c].speedup))).map(([f, alt]) => {
      const figure = h('figure', h('img', { src: file(f), alt, loading: 'lazy', onerror: () => figure.remove() }), h('figcaption', alt))
      return figure
    })),
    h('p', 'Files: ', ['results.json', 'report.txt', 'results.csv'].map((f, i) => [i ? ', ' : '', h('a', { href: f === 'results.json' ? url(`profile/${encodeURIComponent(name)}`).href : file(f), download: `${name}-${f}` }, f)])))
}

// Why samples did not reach the phase, each reason once.
function failures(r, cells) {
  const reasons = new Map()
  for (const c of cells)
    for (const s of r[c].samples ?? [])
      if (s.status !== 'ok') {
        const text = `${c}: ${s.status}${s.why ? `: ${s.why}` : ''}`
        reasons.set(text, (reasons.get(text) ?? 0) + 1)
      }
  return reasons.size > 0 && h('ul.reasons', [...reasons].map(([why, n]) => h('li', `${why}${n > 1 ? ` (${n} times)` : ''}`)))
}

export function compareReports(nameA, a, nameB, b) {
  const cells = (a.cells ?? []).filter(c => b.cells?.includes(c))
  return h('section', { 'aria-labelledby': 'report-title' },
    h('h3#report-title', `${nameB} against ${nameA}`),
    cells.length === 0 ? h('p', 'The reports have no cell in common.')
      : scroll('Comparison of totals', h('table.figures', heads(['Cell', `${nameA}, mean`, `${nameB}, mean`, 'Differs', 'p', 'Verdict']),
        h('tbody', cells.map(c => row(c, a[c].statistics, b[c].statistics))))),
    cells.map(c => {
      const phases = Object.keys(a[c].phases ?? {}).filter(p => b[c].phases?.[p])
      return phases.length > 0 && scroll(`Phases of ${c}`, h('table.figures', h('caption', `${c}: how long each phase takes, median`), heads(['Phase', nameA, nameB, 'Differs']),
        h('tbody', phases.map(p => {
          const x = a[c].phases[p].takes?.median_ms ?? NaN
          const y = b[c].phases[p].takes?.median_ms ?? NaN
          return h('tr', h('th', { scope: 'row' }, p), h('td', ms(x)), h('td', ms(y)), h('td', change(x, y)))
        }))))
    }),
    h('p.hint', 'Verdict: Welch’s t-test over the totals; faster or slower only if p < 0.05. One in twenty comparisons of identical machines shows a difference by chance.'))
}

function change(x, y) {
  return Number.isFinite(x) && Number.isFinite(y) ? `${y < x ? '−' : '+'}${ms(Math.abs(y - x))}${x > 0 ? ` (${((y / x - 1) * 100).toFixed(1)} %)` : ''}` : '–'
}

function row(cell, x, y) {
  const p = welch(x, y)
  const verdict = !(p < 0.05) ? Number.isNaN(p) ? 'too few samples' : 'no difference shown' : y.mean_ms < x.mean_ms ? 'faster' : 'slower'
  return h('tr', h('th', { scope: 'row' }, cell), h('td', ms(x.mean_ms ?? NaN)), h('td', ms(y.mean_ms ?? NaN)), h('td', change(x.mean_ms, y.mean_ms)),
    h('td', Number.isNaN(p) ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3)), h('td', { 'data-tone': { faster: 'ok', slower: 'bad' }[verdict] ?? null }, verdict))
}
