import Configuration

/// From 1 to `end_factor` along a line; matches `torch.optim.lr_scheduler.LinearLR(1, end_factor, total_iters)` with
/// `total_iters` the steps of the schedule.
struct LinearSchedule: Schedule {
    static let name = "linear"

    /// The factor at the end of the run.
    var endFactor = 0.0

    enum CodingKeys: String, CodingKey {
        case endFactor = "end_factor"
    }

    func problems() -> [(key: String, problem: String)] { endFactorProblems(endFactor) }

    func factor(at position: SchedulePosition) -> Double { 1 + (endFactor - 1) * position.progress }
}
