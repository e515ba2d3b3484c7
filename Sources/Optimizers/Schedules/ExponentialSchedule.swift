import Configuration
import Foundation

/// gamma^epochs, step by step; matches `torch.optim.lr_scheduler.ExponentialLR` with the `gamma` of a step.
struct ExponentialSchedule: Schedule {
    static let name = "exponential"

    /// The factor of an epoch.
    var gamma = 0.95

    func problems() -> [(key: String, problem: String)] { gammaProblems(gamma) }

    func factor(at position: SchedulePosition) -> Double {
        pow(gamma, Double(position.step) / Double(max(position.stepsPerEpoch, 1)))
    }
}
