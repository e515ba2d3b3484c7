import Configuration
import Foundation

/// Up to the learning rate and down below where it began; matches `torch.optim.lr_scheduler.OneCycleLR` in two phases.
///
/// The factor goes from 1 / `div_factor` to 1 over `pct_start` of the steps, then down to
/// 1 / (`div_factor` · `final_div_factor`). PyTorch's `max_lr` is the learning rate. Momentum stays as it is.
///
/// - Source: Smith and Topin 2018, "Super-convergence".
struct OneCycleSchedule: Schedule {
    static let name = "one_cycle"

    /// The form of rise and fall.
    enum Form: String, Codable, Sendable, CaseIterable {
        case cosine, linear
    }

    /// The share of the steps that the rise takes.
    var pctStart = 0.3
    /// The form of rise and fall.
    var anneal = Form.cosine
    /// The highest rate over the first one.
    var divFactor = 25.0
    /// The first rate over the last one.
    var finalDivFactor = 1e4

    enum CodingKeys: String, CodingKey {
        case anneal
        case pctStart = "pct_start"
        case divFactor = "div_factor"
        case finalDivFactor = "final_div_factor"
    }

    func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !(0...1).contains(pctStart) { found.append(("pct_start", "must be in [0, 1], found \(pctStart)")) }
        for (key, value) in [("div_factor", divFactor), ("final_div_factor", finalDivFactor)]
        where !(value > 0 && value.isFinite) {
            found.append((key, "must be positive, found \(value)"))
        }
        return found
    }

    func factor(at position: SchedulePosition) -> Double {
        let (first, step) = (1 / divFactor, Double(position.step))
        // As PyTorch counts: the highest rate is that of a step, and the last step has the lowest.
        let top = pctStart * Double(position.totalSteps) - 1
        let last = Double(position.totalSteps - 1)
        if step <= top { return annealed(first, 1, top > 0 ? step / top : 1) }
        return annealed(1, first / finalDivFactor, last > top ? (step - top) / (last - top) : 1)
    }

    private func annealed(_ start: Double, _ end: Double, _ share: Double) -> Double {
        switch anneal {
        case .cosine: end + (start - end) / 2 * (1 + cos(Double.pi * share))
        case .linear: start + (end - start) * share
        }
    }
}
