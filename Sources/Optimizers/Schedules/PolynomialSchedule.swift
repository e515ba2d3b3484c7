import Configuration
import Foundation

/// (1 − progress)^power; matches `torch.optim.lr_scheduler.PolynomialLR` with `total_iters` the steps of the schedule.
struct PolynomialSchedule: Schedule {
    static let name = "polynomial"

    /// The exponent; 1 falls along a line.
    var power = 2.0

    func problems() -> [(key: String, problem: String)] {
        power > 0 && power.isFinite ? [] : [("power", "must be positive, found \(power)")]
    }

    func factor(at position: SchedulePosition) -> Double { pow(1 - position.progress, power) }
}
