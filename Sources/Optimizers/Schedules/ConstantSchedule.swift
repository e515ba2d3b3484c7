import Configuration

/// The same learning rate throughout; matches `torch.optim.lr_scheduler.ConstantLR` with factor 1.
struct ConstantSchedule: Schedule {
    static let name = "constant"

    func factor(at position: SchedulePosition) -> Double { 1 }
}
