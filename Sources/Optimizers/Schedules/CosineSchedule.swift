import Foundation

/// (1 + cos(π · step / total)) / 2; matches `torch.optim.lr_scheduler.CosineAnnealingLR(T_max=total)`.
///
/// - Source: Loshchilov and Hutter 2017, "SGDR", without restarts.
struct CosineSchedule: Schedule {
    static let name = "cosine"

    init(_ configuration: ScheduleConfiguration) {}

    func factor(step: Int, of total: Int) -> Double {
        (1 + cos(Double.pi * Double(step) / Double(max(total, 1)))) / 2
    }
}
