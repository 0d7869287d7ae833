// Sensors' names: files of /sys/class/hwmon, chips, families and units.
#include "agent/host/sensor_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;

TEST(SensorFile, IsAKindANumberAndAProperty) {
  const auto whole = parse_sensor_file("temp12_crit_alarm");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->kind, "temp");
  EXPECT_EQ(whole->number, 12U);
  EXPECT_EQ(whole->property, "crit_alarm");
  EXPECT_EQ(parse_sensor_file("pwm2")->property, "");
  EXPECT_EQ(parse_sensor_file("update_interval")->kind, "update_interval");
  for (const char* other : {"", "name", "uevent", "temp1_", "temp1x", "temp1234567890_input", "_1",
                            "power_state", "tempo1_input", "1_input"}) {
    EXPECT_FALSE(parse_sensor_file(other)) << other;
  }
}

TEST(SensorName, IsInLowerCaseWithoutWhatNoNameMayHold) {
  EXPECT_EQ(clean_sensor_name("0000:00:18.3"), "0000:00:18_3");
  EXPECT_EQ(clean_sensor_name(" Package id 0\n"), "package_id_0");
  EXPECT_EQ(clean_sensor_name("..."), "");
  EXPECT_EQ(clean_sensor_name("\xc3\xa4"), "");
}

SensorChip chip(std::uint64_t number, std::string device, std::string own) {
  SensorChip chip;
  chip.number = number;
  chip.device = std::move(device);
  chip.own = std::move(own);
  return chip;
}

TEST(ChipNames, AreTheDevicesWhereItHasOneChip) {
  EXPECT_THAT(chip_names({chip(0, "platform_coretemp_0", "coretemp"), chip(1, "acpitz", "acpitz")}),
              ElementsAre("platform_coretemp_0", "acpitz"));
}

TEST(ChipNames, OfSeveralOfADeviceHaveWhatTheyCallThemselves) {
  EXPECT_THAT(chip_names({chip(4, "platform_asus-nb-wmi", "asus"),
                          chip(5, "platform_asus-nb-wmi", "asus_custom_fan"),
                          chip(6, "platform_other", "asus")}),
              ElementsAre("platform_asus-nb-wmi_asus", "platform_asus-nb-wmi_asus_custom_fan",
                          "platform_other"));
}

// The kernel gives numbers in the order in which drivers come: at each boot others, of one driver's in
// the same order.
TEST(ChipNames, AreTheSameWhateverNumbersABootGave) {
  const std::vector<std::string> first =
      chip_names({chip(0, "pci_1", "nvme"), chip(1, "pci_1", "nvme"), chip(2, "pci_1", "")});
  EXPECT_THAT(first, ElementsAre("pci_1_nvme_1", "pci_1_nvme_2", "pci_1"));
  EXPECT_EQ(chip_names({chip(9, "pci_1", "nvme"), chip(10, "pci_1", "nvme"), chip(3, "pci_1", "")}),
            first);
  EXPECT_THAT(chip_names({chip(10, "coretemp", "coretemp"), chip(9, "coretemp", "coretemp")}),
              ElementsAre("coretemp_2", "coretemp_1"));
}

TEST(SensorFamily, APropertyBesideAValueIsTold) {
  EXPECT_EQ(property_family("pwm", "", true).name, "hwmon_pwm");
  EXPECT_EQ(property_family("pwm", "input", true).name, "hwmon_pwm_input");
  EXPECT_EQ(property_family("pwm", "input", false).name, "hwmon_pwm");
}

TEST(SensorFamily, UnitsAreOfTheKind) {
  EXPECT_EQ(property_family("temp", "crit_hyst", false).name, "hwmon_temp_crit_hyst_celsius");
  EXPECT_EQ(property_family("temp", "crit_hyst", false).divisor, 1000);
  EXPECT_EQ(property_family("temp", "crit_alarm", false).name, "hwmon_temp_crit_alarm_celsius");
  EXPECT_EQ(property_family("temp", "alarm", false).name, "hwmon_temp_alarm");
  EXPECT_EQ(property_family("fan", "div", false).name, "hwmon_fan_div");
  EXPECT_EQ(property_family("energy", "input", false).type, MetricType::kCounter);
  EXPECT_EQ(property_family("humidity", "input", false).name, "hwmon_humidity");
  EXPECT_EQ(lone_family("update_interval")->divisor, 1000);
  EXPECT_FALSE(lone_family("temp"));
}

}  // namespace
}  // namespace notch::agent
