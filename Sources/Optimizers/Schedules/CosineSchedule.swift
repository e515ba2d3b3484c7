import Configuration
import Foundation

/// From 1 to `end_factor` along half a cosine; matches `torch.optim.lr_scheduler.CosineAnnealingLR` with
/// `T_max` the steps of the schedule and `eta_min` the end factor times the learning rate.
///
/// - Source: Loshchilov and Hutter 2017, "SGDR", without restarts.
struct CosineSchedule: Schedule {
    static let name = "cosine"

    /// The factor at the end of the run.
    var endFactor = 0.0

    enum CodingKeys: String, CodingKey {
        case endFactor = "end_factor"
    }

    func problems() -> [(key: String, problem: String)] { endFactorProblems(endFactor) }

    func factor(at position: SchedulePosition) -> Double {
        endFactor + (1 - endFactor) * (1 + cos(Double.pi * position.progress)) / 2
    }
}
