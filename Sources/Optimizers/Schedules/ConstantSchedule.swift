/// The same learning rate throughout; matches `torch.optim.lr_scheduler.ConstantLR` with factor 1.
struct ConstantSchedule: Schedule {
    static let name = "constant"

    init(_ configuration: ScheduleConfiguration) {}

    func factor(step: Int, of total: Int) -> Double { 1 }
}
